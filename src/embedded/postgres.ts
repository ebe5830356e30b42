import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import pg from "pg";
import { HeadraceError } from "../domain/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { type Home, prepareFolder } from "./home.ts";
import { findPostgresBinaries, type PostgresBinaries } from "./postgres-binaries.ts";
import { storeEnvironment } from "./run-as.ts";
import { type EmbeddedStore, startStore } from "./store.ts";

const USER = "headrace";
const DATABASE = "headrace";

/** Addresses and sizes only: nothing that a user's own PostgreSQL would lack. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
};

/**
 * Starts the private PostgreSQL of the home, and makes its data first where there are none. Its user `headrace` is a
 * superuser that needs its password. Throws `store_unavailable`, and `store_unsuitable` for another major's data.
 */
export async function startPostgres(options: {
  home: Home;
  log: Logger;
  /** The folder of another installation's binaries. */
  binDirectory?: string;
}): Promise<EmbeddedStore> {
  const { home, log, binDirectory } = options;
  const binaries = findPostgresBinaries(home, binDirectory);
  const directory = join(home.directory, "postgres");
  const passwordFile = join(home.directory, "postgres-password");
  if (!existsSync(join(directory, "PG_VERSION"))) {
    log.info({ directory }, "making the embedded PostgreSQL's data");
    await makeData({ home, binaries, directory, passwordFile });
  }
  refuseOtherMajor(directory, binaries);
  const password = readFileSync(passwordFile, "utf8");
  return await startStore(
    {
      name: "PostgreSQL",
      directory,
      pidFile: join(directory, "postmaster.pid"),
      logFile: join(home.directory, "postgres.log"),
      // A fast shutdown: transactions are aborted, a checkpoint is written.
      stopSignal: "INT",
      runAs: home.runAs,
      command: (port) => [
        join(binaries.directory, "postgres"),
        ...["-D", directory, "-p", String(port)],
        ...Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      url: (port) => `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`,
      probe,
    },
    log,
  );
}

/** Makes the data beside their place and moves them there whole. */
async function makeData(options: {
  home: Home;
  binaries: PostgresBinaries;
  directory: string;
  passwordFile: string;
}): Promise<void> {
  const { home, binaries, directory, passwordFile } = options;
  const partial = `${directory}.new`;
  rmSync(partial, { recursive: true, force: true });
  prepareFolder(home, "postgres.new");
  const password = randomBytes(24).toString("hex");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const run = (script: string, input: string, ...args: string[]) =>
    runAsStore({ home, directory: partial, script, args: [binaries.directory, ...args], input });
  // The password comes through a pipe of the shell's, since only its owner can read its file.
  const initdb = `cat | "$1"/initdb -D . -U "$2" --no-locale -E UTF8 -A scram-sha-256 --pwfile=/dev/stdin`;
  await run(initdb, password, USER);
  await run(`"$1"/postgres --single -j -D . template1`, `CREATE DATABASE ${DATABASE}`);
  renameSync(partial, directory);
}

async function runAsStore(options: {
  home: Home;
  directory: string;
  script: string;
  args: readonly string[];
  input: string;
}): Promise<void> {
  const { home, directory, script, args, input } = options;
  const child = spawn("/bin/sh", ["-c", script, "sh", ...args], {
    cwd: directory,
    env: storeEnvironment(),
    ...home.runAs,
  });
  child.stdin.on("error", () => {}).end(input);
  const [output, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (status === 0) return;
  throw new HeadraceError(
    "store_unavailable",
    `The data of the embedded PostgreSQL could not be made in ${directory}: ${errors.trim() || output.trim()}`,
  );
}

function refuseOtherMajor(directory: string, binaries: PostgresBinaries): void {
  const major = Number.parseInt(readFileSync(join(directory, "PG_VERSION"), "utf8"), 10);
  if (major === binaries.major) return;
  throw new HeadraceError(
    "store_unsuitable",
    `${directory} was made by PostgreSQL ${major} and this is ${binaries.major}: dump it with the old one, or name another HEADRACE_DATA_DIR`,
  );
}

async function probe(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}
