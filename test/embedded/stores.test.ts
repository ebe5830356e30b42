import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Redis } from "ioredis";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { listProcesses, type Process } from "../../src/embedded/processes.ts";
import { type EmbeddedStores, startEmbeddedStores } from "../../src/embedded/stores.ts";
import { migrate } from "../../src/postgres/schema/migrate.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { builtProgram } from "../support/built.ts";
import { MIGRATIONS } from "../support/migrated-template.ts";
import {
  createEmptyDatabase,
  hasPostgres15,
  postgres15,
  privateStores,
  testRedisUrl,
} from "../support/stores.ts";
import { temporaryDataDir } from "../support/temporary-stores.ts";
import { until } from "../support/until.ts";

const log = createLogger("fatal");
const isRoot = process.getuid?.() === 0;

function dataDir(parent?: string): string {
  const { dataDir, remove } = temporaryDataDir(parent);
  onTestFinished(remove);
  return dataDir;
}

async function start(dataDir: string): Promise<EmbeddedStores> {
  const stores = await startEmbeddedStores({ dataDir, log });
  // Runs before the folder is deleted: these functions run in reverse order.
  onTestFinished(() => stores.stop());
  return stores;
}

async function query(databaseUrl: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 1_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Restores the roles of an earlier version: the superuser is `headrace`, and owns everything. */
async function asEarlierVersion({ databaseUrl, superuserUrl }: EmbeddedStores): Promise<void> {
  const inDatabase = new URL(superuserUrl);
  inDatabase.pathname = "headrace";
  const password = new URL(databaseUrl).password;
  await query(
    inDatabase.href,
    `ALTER DATABASE headrace OWNER TO postgres; DROP ROLE headrace; CREATE ROLE other SUPERUSER;
      SET SESSION AUTHORIZATION other; ALTER ROLE postgres RENAME TO headrace;
      SET SESSION AUTHORIZATION headrace; DROP ROLE other; ALTER ROLE headrace PASSWORD '${password}'`,
  );
}

async function redisCommand(url: string, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url, { retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

async function write({ databaseUrl, redisUrl }: Urls): Promise<void> {
  await query(databaseUrl, "CREATE TABLE kept AS SELECT 42 AS answer");
  await redisCommand(redisUrl, "SET", "kept", "42");
}

async function expectWritten({ databaseUrl, redisUrl }: Urls): Promise<void> {
  expect(await query(databaseUrl, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
  expect(await redisCommand(redisUrl, "GET", "kept")).toBe("42");
}

interface Urls {
  databaseUrl: string;
  redisUrl: string;
}

/** The processes that serve or guard the stores of this folder. */
function processesOn(dataDir: string): string[] {
  return listProcesses()
    .map((one) => one.commandLine)
    .filter((line) => line.includes(`${dataDir}/`));
}

/** The store is the only child of its guardian that is not a shell. */
function storeOf(guardian: number): number {
  const isStore = (one: Process) => one.parentPid === guardian && !one.commandLine.startsWith("/bin/sh");
  return listProcesses().find(isStore)?.pid as number;
}

describe("the embedded stores", () => {
  test("embedded stores keep their data between starts, and leave no process when they stop", async () => {
    const folder = dataDir();
    const first = await start(folder);
    await write(first);
    expect(processesOn(folder)).not.toEqual([]);
    await first.stop();
    expect(processesOn(folder)).toEqual([]);
    await expectWritten(await start(folder));
  });

  test("embedded stores make every commit durable, and never evict", async () => {
    const { databaseUrl, redisUrl } = await privateStores({});
    const rows = await query(
      databaseUrl,
      "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('server_encoding') AS encoding",
    );
    expect(rows).toEqual([{ fsync: "on", commit: "on", encoding: "UTF8" }]);
    const policy = await redisCommand(redisUrl, "CONFIG", "GET", "maxmemory-policy");
    const file = await redisCommand(redisUrl, "CONFIG", "GET", "appendonly");
    expect([policy, file]).toEqual([
      ["maxmemory-policy", "noeviction"],
      ["appendonly", "yes"],
    ]);
  });

  test("embedded stores need a password", async () => {
    const [postgres, redis] = [new URL((await createEmptyDatabase()).url), new URL(testRedisUrl())];
    postgres.password = "guess";
    redis.password = "";
    await expect(query(postgres.href, "SELECT 1")).rejects.toThrow("password authentication failed");
    await expect(redisCommand(redis.href, "PING")).rejects.toThrow("NOAUTH");
  });

  test("the embedded PostgreSQL runs the program as an ordinary role that owns its database", async () => {
    const { databaseUrl } = await start(dataDir());
    const [row] = await query(
      databaseUrl,
      `SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, pg_get_userbyid(datdba) = rolname AS owner
        FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()`,
    );
    expect(row).toEqual({
      rolsuper: false,
      rolbypassrls: false,
      rolcreatedb: false,
      rolcreaterole: true,
      owner: true,
    });
    await expect(query(databaseUrl, "COPY (SELECT 1) TO PROGRAM 'true'")).rejects.toThrow("denied");
  });

  test("data of an earlier version lose the superuser's rights of the role headrace", async () => {
    const folder = dataDir();
    const stores = await start(folder);
    await asEarlierVersion(stores);
    await migrate({ url: stores.databaseUrl, directory: MIGRATIONS });
    await stores.stop();
    rmSync(`${folder}/embedded/postgres-superuser-password`);
    const { databaseUrl, superuserUrl, stop } = await start(folder);
    const [role] = await query(databaseUrl, "SELECT rolsuper FROM pg_roles WHERE rolname = session_user");
    expect(role).toEqual({ rolsuper: false });
    const [other] = await query(superuserUrl, "SELECT oid::int, rolsuper FROM pg_roles WHERE rolname = user");
    expect(other).toEqual({ oid: 10, rolsuper: true });
    const left = await query(
      databaseUrl,
      `SELECT relname AS name FROM pg_class WHERE relowner = 10 AND relnamespace = 'public'::regnamespace
        UNION ALL SELECT proname FROM pg_proc WHERE proowner = 10 AND pronamespace = 'public'::regnamespace
        UNION ALL SELECT typname FROM pg_type WHERE typowner = 10 AND typnamespace = 'public'::regnamespace
        UNION ALL SELECT datname FROM pg_database WHERE datdba = 10 AND datname = current_database()`,
    );
    expect(left).toEqual([]);
    // As a start does: the owner alters its tables and grants its roles to others.
    await query(databaseUrl, "ALTER TABLE tenants ADD later int; SELECT make_partitions(3)");
    await query(databaseUrl, "CREATE ROLE application; GRANT headrace_api, headrace_pipeline TO application");
    await stop();
    const again = await start(folder);
    expect(await query(again.databaseUrl, "SELECT count(*)::int AS n FROM tenants")).toEqual([{ n: 0 }]);
  });

  test("embedded stores restart on the same port when they are killed", async () => {
    const stores = await privateStores();
    await write(stores);
    for (const guardian of Object.values(stores.pids())) process.kill(storeOf(guardian), "SIGKILL");
    await until("both serve again, with their data", async () => {
      const answers = [query(stores.databaseUrl, "SELECT 1"), redisCommand(stores.redisUrl, "PING")];
      return (await Promise.allSettled(answers)).every((one) => one.status === "fulfilled");
    });
    await expectWritten(stores);
  });

  test("embedded stores that a test kills stay down until it restarts them", async () => {
    const { postgres } = await privateStores();
    await postgres.kill();
    await expect(query(postgres.url, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
    await postgres.restart();
    expect(await query(postgres.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test.runIf(hasPostgres15)("embedded stores can use binaries of another installation", async () => {
    const { databaseUrl } = await postgres15();
    const [row] = await query(
      databaseUrl,
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    expect(row).toEqual({ major: 15 });
  });

  test.runIf(isRoot)("embedded stores work in a directory that only root may enter", async () => {
    const secret = `${dataDir()}/secret`;
    mkdirSync(secret, { mode: 0o700 });
    const folder = dataDir(secret);
    const first = await start(folder);
    expect(lstatSync(`${folder}/embedded`).isSymbolicLink()).toBe(true);
    await write(first);
    await first.stop();
    await expectWritten(await start(folder));
  });
});

test("no data are created if no Redis can run", async () => {
  const [folder, path] = [dataDir(), dataDir()];
  writeFileSync(`${path}/redis-server`, "#!/bin/sh\necho 'Redis server v=6.2.14 sha=00000000:0'\n", {
    mode: 0o755,
  });
  // The program that finds the stores' user is in the same directory as Redis.
  symlinkSync("/usr/bin/id", `${path}/id`);
  vi.stubEnv("PATH", path);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  await expect(startEmbeddedStores({ dataDir: folder, log })).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("redis-server 6.2.14 is too old"),
  });
  expect(readdirSync(`${folder}/embedded`)).toEqual([]);
});

describe("a data dir", () => {
  test("a data dir that cannot be created is named in the error", async () => {
    const folder = `${dataDir()}/file`;
    writeFileSync(folder, "");
    await expect(startEmbeddedStores({ dataDir: folder, log })).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining(`HEADRACE_DATA_DIR ${folder} cannot be used`),
    });
  });

  test("a data dir in use refuses a second process, naming the pid of the first", async () => {
    const folder = dataDir();
    await start(folder);
    await expect(startEmbeddedStores({ dataDir: folder, log })).rejects.toMatchObject({
      code: "data_dir_in_use",
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  test("a start waits for a data dir while its user stops", async () => {
    const folder = dataDir();
    const first = await start(folder);
    await write(first);
    first.markStopping();
    const second = start(folder);
    const early = await Promise.race([
      second,
      new Promise((resolve) => setTimeout(resolve, 1_500, "waiting")),
    ]);
    expect(early).toBe("waiting");
    await first.stop();
    await expectWritten(await second);
  });
});

describe("a process that is killed with SIGKILL", () => {
  let program: string;
  beforeAll(async () => {
    program = await builtProgram();
  });

  /** A separate process that starts the stores and then idles. */
  async function startElsewhere(folder: string) {
    const script = `
      const { startEmbeddedStores } = await import(${JSON.stringify(`${program}/embedded/stores.js`)});
      const silent = { info() {}, warn() {}, error() {} };
      const stores = await startEmbeddedStores({ dataDir: ${JSON.stringify(folder)}, log: silent });
      const { databaseUrl, redisUrl } = stores;
      console.log(JSON.stringify({ databaseUrl, redisUrl, pids: Object.values(stores.pids()) }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(child.stdout, "data");
    return { child, ...(JSON.parse(String(line)) as Urls & { pids: number[] }) };
  }
  async function killed(child: ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  test("a process killed with SIGKILL takes its stores along, and the next start has their data", async () => {
    const folder = dataDir();
    const elsewhere = await startElsewhere(folder);
    await write(elsewhere);
    await killed(elsewhere.child);
    await until("its stores are gone", () => processesOn(folder).length === 0);
    await expectWritten(await start(folder));
  });

  test("a process killed with SIGKILL frees its data dir for a start that does not wait", async () => {
    const folder = dataDir();
    const elsewhere = await startElsewhere(folder);
    await write(elsewhere);
    await killed(elsewhere.child);
    await expectWritten(await start(folder));
  });

  test("the next start ends stores whose process and guardians were killed", async () => {
    const folder = dataDir();
    const elsewhere = await startElsewhere(folder);
    await write(elsewhere);
    // Paused, so that it neither sees its guardians die nor restarts the stores.
    elsewhere.child.kill("SIGSTOP");
    for (const guardian of elsewhere.pids) {
      const store = storeOf(guardian);
      const watcher = listProcesses().find((one) => one.parentPid === guardian && one.pid !== store);
      for (const pid of [guardian, watcher?.pid as number]) process.kill(pid, "SIGKILL");
    }
    await killed(elsewhere.child);
    expect(await query(elsewhere.databaseUrl, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await expectWritten(await start(folder));
  });
});
