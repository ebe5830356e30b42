import type { Logger } from "../runtime/logger.ts";
import { lockDataDir } from "./data-dir-lock.ts";
import { prepareHome } from "./home.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import { findRedisServer } from "./redis-binary.ts";
import type { EmbeddedStore } from "./store.ts";

/** The private PostgreSQL and Redis of one data dir. */
export interface EmbeddedStores {
  databaseUrl: string;
  /** For administration of the server. */
  superuserUrl: string;
  redisUrl: string;
  postgres: EmbeddedStore;
  redis: EmbeddedStore;
  /** The pids of the guardians, whose children are the stores. */
  pids(): { postgres: number; redis: number };
  /** Makes a process that needs the data dir wait. Call it when the drain begins. */
  markStopping(): void;
  /** Shuts both stores down, then unlocks the data dir. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts both stores on 127.0.0.1, with persistent data under `<dataDir>/embedded`. They stop with this process, however it
 * ends. Throws `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function startEmbeddedStores(options: {
  dataDir: string;
  log: Logger;
  /** The folder with the binaries of another PostgreSQL. */
  postgresBinDirectory?: string;
}): Promise<EmbeddedStores> {
  const { dataDir, log, postgresBinDirectory: binDirectory } = options;
  const home = prepareHome(dataDir);
  const lock = await lockDataDir(home.directory, dataDir);
  const starting: Promise<EmbeddedStore>[] = [];
  try {
    // Searches Redis before any data is created, so that a failure leaves nothing behind.
    const redisServer = await findRedisServer(home.runAs, log);
    const startingPostgres = startPostgres({
      home,
      log,
      ...(binDirectory === undefined ? {} : { binDirectory }),
    });
    const startingRedis = startRedis({ home, log, server: redisServer });
    starting.push(startingPostgres, startingRedis);
    const [postgres, redis] = await Promise.all([startingPostgres, startingRedis]);
    let stopped: Promise<void> | undefined;
    return {
      databaseUrl: postgres.url,
      superuserUrl: postgres.superuserUrl,
      redisUrl: redis.url,
      postgres,
      redis,
      pids: () => ({ postgres: postgres.pid, redis: redis.pid }),
      markStopping: lock.markStopping,
      stop() {
        lock.markStopping();
        stopped ??= stopAll([postgres, redis]).finally(lock.release);
        return stopped;
      },
    };
  } catch (error) {
    const outcomes = await Promise.allSettled(starting);
    await stopAll(outcomes.flatMap((one) => (one.status === "fulfilled" ? one.value : [])));
    await lock.release();
    throw error;
  }
}

async function stopAll(stores: readonly EmbeddedStore[]): Promise<void> {
  await Promise.all(stores.map((store) => store.stop()));
}
