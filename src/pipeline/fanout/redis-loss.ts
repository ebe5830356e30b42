import type { Queryable } from "../../postgres/core/database.ts";
import { expireOutboxLeases } from "../../postgres/events/outbox.ts";
import { expireQueuedRuns } from "../../postgres/runs/runs.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { isRedisIntact, markRedisIntact } from "../../redis/sentinel.ts";
import type { Step } from "../../runtime/loop.ts";

/** Leases expired per statement. */
const CHUNK = 5_000;

/**
 * One step of the watch over Redis. If Redis lost its data or was replaced, expires the leases of all published events
 * and runs, and then marks Redis as intact. A crash in between repeats the step. Two processes that do it at once
 * publish events twice, which the outbox absorbs.
 */
export function createRedisLossWatch(deps: {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  intervalMs: number;
  onLoss: (released: { events: number; runs: number }) => void;
}): Step {
  const { database, redis, keys, intervalMs, onLoss } = deps;
  return async () => {
    if (await isRedisIntact(redis, keys.sentinel)) return { waitMs: intervalMs };
    const runs = await expireQueuedRuns(database);
    let events = 0;
    for (let chunk = CHUNK; chunk === CHUNK; events += chunk)
      chunk = await expireOutboxLeases(database, CHUNK);
    await markRedisIntact(redis, keys.sentinel);
    onLoss({ events, runs });
    return { waitMs: intervalMs };
  };
}
