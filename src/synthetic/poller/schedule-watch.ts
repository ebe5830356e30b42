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

/** Timing and batch sizes of the schedule watch. */
export interface ScheduleWatchBounds {
  /** Interval of the watch, ms. A new source starts after at most this time. */
  intervalMs: number;
  batchSize: number;
  /** A due source that no poller claims for this time, ms, may be missing from Redis. */
  overdueMs: number;
  /** Interval between two searches for overdue sources, ms. */
  overdueIntervalMs: number;
  maxPerTenant: number;
}

/** Stores and callbacks of the schedule watch. */
export interface ScheduleWatchDeps {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  bounds: ScheduleWatchBounds;
  now: () => number;
  /** Called when a source may be due. */
  onDue: () => void;
  /** Called with the number of sources when lost shards were rebuilt. */
  onRebuilt: (sources: number) => void;
}

/**
 * Returns a step that synchronizes the schedule in Redis with PostgreSQL: adds new and changed sources, rebuilds lost
 * shards, and adds overdue sources again.
 */
export function createScheduleWatch(deps: ScheduleWatchDeps): Step {
  const { database, redis, keys, bounds, now, onDue, onRebuilt } = deps;
  const { intervalMs, batchSize, overdueMs, overdueIntervalMs, maxPerTenant } = bounds;
  let counterSeen = 0;
  let searchedAt = 0;

  const put = (entries: readonly ScheduleEntry[], mode: "exact" | "earlier") =>
    schedulePolls(redis, keys, entries, { mode, maxPerTenant });

  async function addChanges(): Promise<void> {
    const counter = await readCounter(database, "sources");
    if (counter === counterSeen) return;
    for (;;) {
      const entries = await syncSchedules(database, { since: counterSeen, limit: batchSize });
      await put(entries, "exact");
      if (entries.length > 0) onDue();
      if (entries.length < batchSize) break;
    }
    counterSeen = counter;
  }

  async function rebuildLost(): Promise<void> {
    const shards = Array.from({ length: POLL_SHARDS }, (_, shard) => shard);
    const intact = await Promise.all(shards.map((shard) => isRedisIntact(redis, keys.pollSentinel(shard))));
    const lost = new Set(shards.filter((shard) => !intact[shard]));
    if (lost.size === 0) return;
    let sources = 0;
    for (let after = { tenantId: "", source: "" }; ; ) {
      const page = await listSchedules(database, { after, limit: batchSize });
      const inLostShards = page.filter(({ tenantId }) => lost.has(pollShard(tenantId)));
      await put(inLostShards, "earlier");
      sources += inLostShards.length;
      if (page.length < batchSize) break;
      after = page.at(-1) as ScheduleEntry;
    }
    await Promise.all([...lost].map((shard) => markRedisIntact(redis, keys.pollSentinel(shard))));
    onDue();
    if (sources > 0) onRebuilt(sources);
  }

  async function addOverdue(): Promise<void> {
    if (now() - searchedAt < overdueIntervalMs) return;
    searchedAt = now();
    const entries = await listOverdue(database, { lateMs: overdueMs, limit: batchSize });
    await put(entries, "earlier");
  }

  return async () => {
    await addChanges();
    await rebuildLost();
    await addOverdue();
    return { waitMs: intervalMs };
  };
}
