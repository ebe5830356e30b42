import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { HeadraceError } from "../domain/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { installRedis } from "./redis-install.ts";
import { type RunAs, storeEnvironment } from "./run-as.ts";

const NAMES = ["redis-server", "valkey-server"] as const;
/** The oldest supported major version of Redis. The first Valkey was 7.2. */
const OLDEST_MAJOR = 7;

type Search = { kind: "found"; path: string } | { kind: "too_old"; server: string } | { kind: "none" };

/**
 * Returns the path of a `redis-server` or `valkey-server` of version 7.0 or newer from PATH. If there is none and this is
 * root on Debian or Ubuntu, installs it. Throws `store_unavailable` with the three remedies.
 */
export async function findRedisServer(runAs: RunAs | undefined, log: Logger): Promise<string> {
  let reason = `neither ${NAMES.join(" nor ")} is on PATH`;
  let search = look(pathFolders(), runAs);
  if (search.kind === "none") {
    const failure = await installRedis(log);
    if (failure !== undefined) reason += `, and ${failure}`;
    // A restricted PATH may lack the folder of packages.
    else search = look([...pathFolders(), "/usr/bin"], runAs);
  }
  if (search.kind === "found") return search.path;
  if (search.kind === "too_old") reason = `${search.server} is too old`;
  throw new HeadraceError(
    "store_unavailable",
    `No Redis ${OLDEST_MAJOR}.0 or newer: ${reason}. Install redis-server or valkey-server, or set REDIS_URL and DATABASE_URL, or start as root on Debian or Ubuntu, which installs it`,
  );
}

/** Finds the first server that the user of the stores can run and that is new enough, or else the first that is too old. */
function look(folders: readonly string[], runAs: RunAs | undefined): Search {
  let tooOld: string | undefined;
  for (const folder of folders) {
    for (const name of NAMES) {
      const path = join(folder, name);
      const version = versionOf(path, runAs);
      if (version === undefined) continue;
      if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return { kind: "found", path };
      tooOld ??= `${path} ${version}`;
    }
  }
  return tooOld === undefined ? { kind: "none" } : { kind: "too_old", server: tooOld };
}

function pathFolders(): string[] {
  return (process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
}

function versionOf(path: string, runAs: RunAs | undefined): string | undefined {
  const options = { ...runAs, cwd: "/", env: storeEnvironment(), encoding: "utf8", timeout: 5_000 } as const;
  return /\bv=(\d+\.\S+)/.exec(spawnSync(path, ["--version"], options).stdout ?? "")?.[1];
}
