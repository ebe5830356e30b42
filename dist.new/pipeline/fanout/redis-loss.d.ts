import type { Queryable } from "../../postgres/database.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { Step } from "../../runtime/loop.ts";
/**
 * One step of the watch over Redis: when it lost what was published, or is another server than before, every lease
 * of it is made due now, and only then is it trusted again. A crash in between repeats the step; two copies that do
 * it at once publish twice, which the outbox absorbs.
 */
export declare function createRedisLossWatch(deps: {
    database: Queryable;
    redis: RedisClient;
    keys: RedisKeys;
    intervalMs: number;
    onLoss: (released: {
        events: number;
        runs: number;
    }) => void;
}): Step;
