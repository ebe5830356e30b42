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
import { DATABASE, demoteOwner, OWNER, ownerStatements, SUPERUSER } from "./postgres-owner.ts";
import { storeEnvironment } from "./run-as.ts";
import { type EmbeddedStore, startStore } from "./store.ts";

/** Settings of addresses and sizes. Everything else has its default, as in an external PostgreSQL. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
};

/** The private PostgreSQL. */
export interface EmbeddedPostgres extends EmbeddedStore {
  /** For administration of the server. The program itself never uses it. */
  readonly superuserUrl: string;
}

/**
 * Starts the private PostgreSQL of the home, and first initializes its data if there are none. The user in its URL owns
 * the database and is no superuser. Throws `store_unavailable`, and `store_unsuitable` for data of another major version.
 */
export async function startPostgres(options: {
  home: Home;
  log: Logger;
  /** The folder with the binaries of another installation. */
  binDirectory?: string;
}): Promise<EmbeddedPostgres> {
  const { home, log, binDirectory } = options;
  const binaries = findPostgresBinaries(home, binDirectory);
  const directory = join(home.directory, "postgres");
  const passwords = readPasswords(home);
  if (!existsSync(join(directory, "PG_VERSION"))) {
    log.info({ directory }, "initializing the data of the embedded PostgreSQL");
    await makeData({ home, binaries, directory, passwords });
  }
  refuseOtherMajor(directory, binaries);
  const store = await startStore(
    {
      name: "PostgreSQL",
      directory,
      pidFile: join(directory, "postmaster.pid"),
      logFile: join(home.directory, "postgres.log"),
      // A fast shutdown, which aborts transactions and writes a checkpoint.
      stopSignal: "INT",
      runAs: home.runAs,
      command: (port) => [
        join(binaries.directory, "postgres"),
        "-D",
        directory,
        "-p",
        String(port),
        ...Object.entries(SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      url: (port) => `postgres://${OWNER}:${passwords.owner}@127.0.0.1:${port}/${DATABASE}`,
      probe: (url) => probe(url, passwords),
    },
    log,
  );
  const superuserUrl = new URL(store.url);
  [superuserUrl.username, superuserUrl.password] = [SUPERUSER, passwords.superuser];
  return Object.assign(store, { superuserUrl: superuserUrl.href });
}

interface Passwords {
  owner: string;
  superuser: string;
}

/** Reads the passwords and generates missing ones. Data of an earlier version have only one. */
function readPasswords(home: Home): Passwords {
  const read = (name: string) => {
    const file = join(home.directory, name);
    if (!existsSync(file)) {
      writeFileSync(`${file}.new`, randomBytes(24).toString("hex"), { mode: 0o600, flush: true });
      renameSync(`${file}.new`, file);
    }
    return readFileSync(file, "utf8");
  };
  return { owner: read("postgres-password"), superuser: read("postgres-superuser-password") };
}

/** Initializes the data in a temporary folder and moves it into place when complete. */
async function makeData(options: {
  home: Home;
  binaries: PostgresBinaries;
  directory: string;
  passwords: Passwords;
}): Promise<void> {
  const { home, binaries, directory, passwords } = options;
  const partial = `${directory}.new`;
  rmSync(partial, { recursive: true, force: true });
  prepareFolder(home, "postgres.new");
  const run = (script: string, input: string, ...args: string[]) =>
    runAsStore({ home, directory: partial, script, args: [binaries.directory, ...args], input });
  // The password comes through a pipe, since the user of the store cannot read its file.
  const initdb = `cat | "$1"/initdb -D . -U "$2" --no-locale -E UTF8 -A scram-sha-256 --pwfile=/dev/stdin`;
  await run(initdb, passwords.superuser, SUPERUSER);
  await run(`"$1"/postgres --single -j -D . template1`, ownerStatements(passwords.owner));
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
    `${directory} was made by PostgreSQL ${major} and this is ${binaries.major}: dump it with the old one, or set another HEADRACE_DATA_DIR`,
  );
}

async function probe(url: string, passwords: Passwords): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    await demoteOwner(client, passwords);
  } finally {
    await client.end().catch(() => {});
  }
}
