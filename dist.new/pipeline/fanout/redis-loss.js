import { expireOutboxLeases } from "../../postgres/outbox.js";
import { expireQueuedRuns } from "../../postgres/runs.js";
import { isRedisIntact, markRedisIntact } from "../../redis/sentinel.js";
/** Leases that one statement ends. */
const CHUNK = 5_000;
/**
 * One step of the watch over Redis: when it lost what was published, or is another server than before, every lease
 * of it is made due now, and only then is it trusted again. A crash in between repeats the step; two copies that do
 * it at once publish twice, which the outbox absorbs.
 */
export function createRedisLossWatch(deps) {
    const { database, redis, keys, intervalMs, onLoss } = deps;
    return async () => {
        if (await isRedisIntact(redis, keys))
            return { waitMs: intervalMs };
        const runs = await expireQueuedRuns(database);
        let events = 0;
        for (let chunk = CHUNK; chunk === CHUNK; events += chunk)
            chunk = await expireOutboxLeases(database, CHUNK);
        await markRedisIntact(redis, keys);
        onLoss({ events, runs });
        return { waitMs: intervalMs };
    };
}
//# sourceMappingURL=redis-loss.js.map