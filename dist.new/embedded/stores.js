import { lockDataDir } from "./data-dir-lock.js";
import { prepareHome } from "./home.js";
import { startPostgres } from "./postgres.js";
import { startRedis } from "./redis.js";
/**
 * Starts both stores on 127.0.0.1, with data under `<dataDir>/embedded` that are kept between starts. They stop with
 * this process, however it ends. Throws `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function startEmbeddedStores(options) {
    const { dataDir, log, postgresBinDirectory: binDirectory } = options;
    const home = prepareHome(dataDir);
    const lock = await lockDataDir(home.directory);
    const starting = [
        startPostgres({ home, log, ...(binDirectory === undefined ? {} : { binDirectory }) }),
        startRedis({ home, log }),
    ];
    try {
        const [postgres, redis] = await Promise.all(starting);
        let stopped;
        return {
            databaseUrl: postgres.url,
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
    }
    catch (error) {
        const outcomes = await Promise.allSettled(starting);
        await stopAll(outcomes.flatMap((one) => (one.status === "fulfilled" ? one.value : [])));
        await lock.release();
        throw error;
    }
}
async function stopAll(stores) {
    await Promise.all(stores.map((store) => store.stop()));
}
//# sourceMappingURL=stores.js.map