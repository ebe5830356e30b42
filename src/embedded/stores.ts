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
  /** For what only an administrator of the server may do. */
  superuserUrl: string;
  redisUrl: string;
  postgres: EmbeddedStore;
  redis: EmbeddedStore;
  /** The processes whose children are the stores'. */
  pids(): { postgres: number; redis: number };
  /** Tells a process that wants the data dir to wait: call it when the drain begins, which may take a while. */
  markStopping(): void;
  /** Stops both in order, then frees the data dir. Stopping twice is fine. */
  stop(): Promise<void>;
}

/**
 * Starts both stores on 127.0.0.1, with data under `<dataDir>/embedded` that are kept between starts. They stop with
 * this process, however it ends. Throws `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function startEmbeddedStores(options: {
  dataDir: string;
  log: Logger;
  /** The folder of another PostgreSQL's binaries. */
  postgresBinDirectory?: string;
}): Promise<EmbeddedStores> {
  const { dataDir, log, postgresBinDirectory: binDirectory } = options;
  const home = prepareHome(dataDir);
  const lock = await lockDataDir(home.directory, dataDir);
  const starting: Promise<EmbeddedStore>[] = [];
  try {
    // Found before any data are made: without it nothing can run, and nothing is left behind.
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
