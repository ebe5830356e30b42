import { readCounter } from "../../postgres/core/change-counters.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import {
  listOverdue,
  listSchedules,
  type ScheduleEntry,
  syncSchedules,
} from "../../postgres/sources/schedule-sync.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { POLL_SHARDS, pollShard, schedulePolls } from "../../redis/poll-schedule.ts";
import { isRedisIntact, markRedisIntact } from "../../redis/sentinel.ts";
import type { Step } from "../../runtime/loop.ts";

export interface ScheduleWatchBounds {
  /** The wait between two looks, ms: a new source begins so much later. */
  intervalMs: number;
  batchSize: number;
  /** A source that nobody claims for so long, ms, may have been lost by Redis. */
  overdueMs: number;
  /** The wait between two looks for such sources, ms. */
  overdueIntervalMs: number;
  maxPerTenant: number;
}

export interface ScheduleWatchDeps {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  bounds: ScheduleWatchBounds;
  now: () => number;
  /** Called when something became due. */
  onDue: () => void;
  /** Called when Redis was found to have lost shards, and they were built again. */
  onRebuilt: (sources: number) => void;
}

/**
 * One step: brings Redis's schedule to what PostgreSQL says. Sources that are new or were changed come in, shards that
 * were lost are built again, and what should have been claimed is put in once more, whyever it is missing.
 */
export function createScheduleWatch(deps: ScheduleWatchDeps): Step {
  const { database, redis, keys, bounds, now, onDue, onRebuilt } = deps;
  const { intervalMs, batchSize, overdueMs, overdueIntervalMs, maxPerTenant } = bounds;
  let since = 0;
  let lookedAt = 0;

  const put = (entries: readonly ScheduleEntry[], mode: "exact" | "earlier") =>
    schedulePolls(redis, keys, entries, { mode, maxPerTenant });

  async function takeChanges(): Promise<void> {
    const counter = await readCounter(database, "sources");
    if (counter === since) return;
    for (;;) {
      const entries = await syncSchedules(database, { since, limit: batchSize });
      await put(entries, "exact");
      if (entries.length > 0) onDue();
      if (entries.length < batchSize) break;
    }
    since = counter;
  }

  async function rebuildLost(): Promise<void> {
    const shards = Array.from({ length: POLL_SHARDS }, (_, shard) => shard);
    const intact = await Promise.all(shards.map((shard) => isRedisIntact(redis, keys.pollSentinel(shard))));
    const lost = new Set(shards.filter((shard) => !intact[shard]));
    if (lost.size === 0) return;
    let sources = 0;
    for (let after = { tenantId: "", source: "" }; ; ) {
      const page = await listSchedules(database, { after, limit: batchSize });
      const ofLost = page.filter(({ tenantId }) => lost.has(pollShard(tenantId)));
      await put(ofLost, "earlier");
      sources += ofLost.length;
      if (page.length < batchSize) break;
      after = page.at(-1) as ScheduleEntry;
    }
    await Promise.all([...lost].map((shard) => markRedisIntact(redis, keys.pollSentinel(shard))));
    onDue();
    if (sources > 0) onRebuilt(sources);
  }

  async function findOverdue(): Promise<void> {
    if (now() - lookedAt < overdueIntervalMs) return;
    lookedAt = now();
    const entries = await listOverdue(database, { lateMs: overdueMs, limit: batchSize });
    await put(entries, "earlier");
  }

  return async () => {
    await takeChanges();
    await rebuildLost();
    await findOverdue();
    return { waitMs: intervalMs };
  };
}
