import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { inTurn } from "./in-turn.mjs";

/** Debian packages that the tests need, and a path of each. */
const PACKAGES = {
  postgresql: "/usr/lib/postgresql",
  pgbouncer: "/usr/sbin/pgbouncer",
  haproxy: "/usr/sbin/haproxy",
  "nginx-light": "/usr/sbin/nginx",
};

/** The file that keeps the PostgreSQL package of Debian from starting a cluster. */
const NO_CLUSTER = "/etc/postgresql-common/createcluster.conf";

/**
 * Installs missing programs with apt-get if this is root. Otherwise the tests that need one are skipped with a message.
 */
export async function ensureTestPrograms() {
  if (missing().length === 0 || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return;
  await inTurn(async () => {
    const packages = missing();
    if (packages.length === 0) return;
    console.error(`Installing ${packages.join(", ")} (apt-get)…`);
    if (!existsSync(NO_CLUSTER)) {
      mkdirSync("/etc/postgresql-common", { recursive: true });
      writeFileSync(NO_CLUSTER, "create_main_cluster = false\n");
    }
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
  });
}

function missing() {
  return Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name]));
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, stderr } = spawnSync("apt-get", args, { env, encoding: "utf8" });
  if (status !== 0) console.error(`apt-get ${args.join(" ")} failed: ${stderr.trim()}`);
}
