import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Home, prepareFolder } from "../../src/embedded/home.ts";
import { storeEnvironment } from "../../src/embedded/run-as.ts";
import { type EmbeddedStore, startStore } from "../../src/embedded/store.ts";
import type { Logger } from "../../src/runtime/logger.ts";

const DEBIAN = "/usr/lib/postgresql";

/** The binaries of the machine's own PostgreSQL, the newest; undefined where it has none. */
export function stockPostgresBinaries(): string | undefined {
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number).filter(Number.isInteger) : [];
  const newest = Math.max(...majors);
  const directory = join(DEBIAN, String(newest), "bin");
  return existsSync(join(directory, "postgres")) ? directory : undefined;
}

/**
 * Starts a PostgreSQL as its package leaves it: initdb's own configuration, and nothing set but where it listens. The
 * user of its URL owns a database and is no superuser.
 */
export async function startStockPostgres(
  home: Home,
  binaries: string,
  log: Logger,
): Promise<EmbeddedStore & { superuserUrl: string }> {
  const directory = prepareFolder(home, "postgres");
  const runAs = home.runAs === undefined ? {} : { uid: home.runAs.uid, gid: home.runAs.gid };
  if (!existsSync(join(directory, "PG_VERSION"))) {
    execFileSync(join(binaries, "initdb"), ["-D", directory, "-U", "postgres"], {
      cwd: directory,
      env: storeEnvironment(),
      stdio: "ignore",
      ...runAs,
    });
  }
  const store = await startStore(
    {
      name: "PostgreSQL",
      directory,
      pidFile: join(directory, "postmaster.pid"),
      logFile: join(home.directory, "postgres.log"),
      stopSignal: "INT",
      runAs: home.runAs,
      // No socket: the lock of a killed server's would keep the next one from its start.
      command: (port) => [join(binaries, "postgres"), "-D", directory, "-p", String(port), "-k", ""],
      url: (port) => `postgres://headrace@127.0.0.1:${port}/headrace`,
      probe: (url) => makeOwner(superuser(url)),
    },
    log,
  );
  return Object.assign(store, { superuserUrl: superuser(store.url) });
}

function superuser(url: string): string {
  const parsed = new URL(url);
  parsed.username = "postgres";
  parsed.pathname = "postgres";
  return parsed.href;
}

async function makeOwner(superuserUrl: string): Promise<void> {
  const client = new pg.Client(superuserUrl);
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query("SELECT FROM pg_roles WHERE rolname = 'headrace'");
    if (rows.length > 0) return;
    await client.query("CREATE ROLE headrace LOGIN CREATEDB CREATEROLE");
    await client.query("CREATE DATABASE headrace OWNER headrace");
  } finally {
    await client.end().catch(() => {});
  }
}
