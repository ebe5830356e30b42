import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { prepareHome } from "../../src/embedded/home.ts";
import { startRedis } from "../../src/embedded/redis.ts";
import { findRedisServer } from "../../src/embedded/redis-binary.ts";
import type { EmbeddedStore } from "../../src/embedded/store.ts";
import { type EmbeddedStores, startEmbeddedStores } from "../../src/embedded/stores.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { startStockPostgres, stockPostgresBinaries } from "./stock-postgres.ts";

/** A data dir that the stores' user can enter; `remove` deletes it, and what it links to. */
export function temporaryDataDir(parent = storesParent()): { dataDir: string; remove(): void } {
  const dataDir = mkdtempSync(join(parent, "headrace-test-"));
  chmodSync(dataDir, 0o711);
  return {
    dataDir,
    remove() {
      const home = join(dataDir, "embedded");
      if (existsSync(home)) rmSync(realpathSync(home), { recursive: true });
      rmSync(dataDir, { recursive: true });
    },
  };
}

const MEMORY_FOLDER = "/dev/shm";
const NEEDED_MEMORY_BYTES = 8 * 1024 ** 3;

/**
 * A folder in memory where it has room: half of the time of the tests on a disk goes into creating the files of new
 * databases.
 */
function storesParent(): string {
  if (!existsSync(MEMORY_FOLDER)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  return bavail * bsize >= NEEDED_MEMORY_BYTES ? MEMORY_FOLDER : tmpdir();
}

/**
 * Stores on a data dir of their own, whose owner may make databases for tests; `remove` stops them and deletes it.
 * `postgres` is the embedded one, one of another folder of binaries, or the machine's own with every default. Their
 * data are copied from `template` where one is given: initdb takes longer than all else.
 */
export async function startTemporaryStores(
  postgres: PostgresChoice = {},
  template?: string,
): Promise<TemporaryStores> {
  const { dataDir, remove } = temporaryDataDir();
  if (template !== undefined) {
    const { directory } = prepareHome(dataDir);
    execFileSync("cp", ["-a", "--reflink=auto", `${template}/.`, directory]);
  }
  const stores =
    postgres.stock === true ? await startStockStores(dataDir) : await startEmbedded(dataDir, postgres);
  return {
    ...stores,
    async remove() {
      await stores.stop();
      remove();
    },
  };
}

/** Makes data that `startTemporaryStores` can copy; `remove` deletes them. */
export async function makeStoresTemplate(
  postgres: PostgresChoice,
): Promise<{ directory: string; remove(): void }> {
  const { dataDir, remove } = temporaryDataDir();
  const stores =
    postgres.stock === true ? await startStockStores(dataDir) : await startEmbedded(dataDir, postgres);
  // The machine does not crash in a test, and what a killed PostgreSQL has written is safe with the kernel.
  if (postgres.stock !== true) await run(stores.superuserUrl, "ALTER SYSTEM SET fsync = off");
  await stores.stop();
  return { directory: realpathSync(join(dataDir, "embedded")), remove };
}

export interface PostgresChoice {
  /** True for the machine's own PostgreSQL, with every default. */
  stock?: boolean;
  /** The folder of binaries to run in the embedded one's way. */
  binDirectory?: string | undefined;
}

export type TemporaryStores = Pick<
  EmbeddedStores,
  "databaseUrl" | "superuserUrl" | "redisUrl" | "redis" | "pids" | "markStopping" | "stop"
> & {
  postgres: EmbeddedStore;
  remove(): Promise<void>;
};

async function startEmbedded(dataDir: string, { binDirectory }: PostgresChoice) {
  const stores = await startEmbeddedStores({
    dataDir,
    log: createLogger("fatal"),
    ...(binDirectory === undefined ? {} : { postgresBinDirectory: binDirectory }),
  });
  await run(stores.superuserUrl, "ALTER ROLE headrace CREATEDB");
  return stores;
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function startStockStores(dataDir: string) {
  const binaries = stockPostgresBinaries();
  if (binaries === undefined) throw new Error(NO_STOCK_POSTGRES);
  const home = prepareHome(dataDir);
  const log = createLogger("fatal");
  const postgres = await startStockPostgres(home, binaries, log);
  const redis = await startRedis({ home, log, server: await findRedisServer(home.runAs, log) });
  return {
    databaseUrl: postgres.url,
    superuserUrl: postgres.superuserUrl,
    redisUrl: redis.url,
    postgres,
    redis,
    pids: () => ({ postgres: postgres.pid, redis: redis.pid }),
    markStopping() {},
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()]);
    },
  };
}

const NO_STOCK_POSTGRES =
  "This machine has no PostgreSQL of its own: install it (apt-get install postgresql), or leave the stock projects out";
