import { LANES, type Priority } from "../../domain/priority.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { claimOutbox } from "../../postgres/events/outbox.ts";
import type { RedisClient } from "../../redis/client.ts";
import { publishEvents, streamDepths } from "../../redis/event-stream.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { Step } from "../../runtime/loop.ts";
import { shareBatch } from "./budgets.ts";
import { createHighWater, type HighWaterBounds, type LaneDepth } from "./high-water.ts";

export interface RelayBounds extends HighWaterBounds {
  /** Events claimed at once, over all lanes. */
  batchSize: number;
  /** Tenants that one claim walks in one lane. */
  maxTenants: number;
  /** How long a claimed event stays with the consumers before it is published again, ms. */
  leaseMs: number;
  /** The wait while there is nothing to do and nobody wakes the relay, ms. */
  idleMs: number;
  /** How long a look at what the consumers have is good for, ms. */
  depthMs: number;
  /** The wait while the consumers have all they may have, ms. */
  fullMs: number;
}

/** Fan-out: the step that claims and publishes, and the short way for events that are accepted in this process. */
export interface Relay {
  /**
   * Sees how much room the consumers have, claims due events that fit in, and publishes their ids. The claim is
   * committed before the ids are published: a crash between the two leaves a lease that ends.
   */
  step: Step;
  /**
   * Asked before events of one lane each are written: for how long they may be written as claimed already, ms, so that
   * `publish` is theirs to call; 0 where others wait before them, or the consumers have no room.
   */
  offer(lanes: readonly Priority[]): number;
  /** Publishes events that were committed as claimed. Never throws: what is lost on the way comes due again. */
  publish(events: readonly PublishedEvent[]): void;
}

export interface PublishedEvent {
  eventId: string;
  lane: Priority;
}

export function createRelay(deps: {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  bounds: RelayBounds;
  now: () => number;
  onPublished: (events: number) => void;
  onError: (error: Error) => void;
}): Relay {
  const { database, redis, keys, queues, bounds, now, onPublished, onError } = deps;
  const highWater = createHighWater(bounds);
  const afterTenants = new Map<Priority, string>();
  let room = new Map<Priority, number>();
  let measuredMs = Number.NEGATIVE_INFINITY;
  /** Nothing was due at the last look, and nothing was written since that is. */
  let isIdle = false;

  /** Measured anew when it is old or used up; in between, what was published is taken off. */
  async function currentRoom(): Promise<Map<Priority, number>> {
    const isOld = now() - measuredMs >= bounds.depthMs;
    if (isOld || LANES.some((lane) => (room.get(lane) ?? 0) <= 0)) {
      const depths = await readDepths(redis, keys, queues);
      measuredMs = now();
      room = highWater.room(depths, measuredMs);
    }
    return room;
  }

  function take(counts: ReadonlyMap<Priority, number>): void {
    for (const [lane, count] of counts) room.set(lane, (room.get(lane) ?? 0) - count);
  }

  async function step(): Promise<{ waitMs: number }> {
    const budgets = shareBatch(await currentRoom(), bounds.batchSize);
    isIdle = false;
    if (budgets.size === 0) return { waitMs: bounds.fullMs };
    const { maxTenants, leaseMs } = bounds;
    const { events, nextAfter } = await claimOutbox(database, { budgets, afterTenants, maxTenants, leaseMs });
    for (const [lane, tenantId] of nextAfter) afterTenants.set(lane, tenantId);
    if (events.length > 0) await publishEvents(redis, keys, events);
    const claimed = countByLane(events);
    take(claimed);
    onPublished(events.length);
    const isWalking = [...nextAfter.values()].some((tenantId) => tenantId !== "");
    const mayHaveMore = [...budgets].some(([lane, budget]) => (claimed.get(lane) ?? 0) * 2 >= budget);
    if (isWalking || mayHaveMore) return { waitMs: 0 };
    // A lane that had no room is looked at again soon; otherwise nothing is due in any lane.
    if (budgets.size < LANES.length) return { waitMs: bounds.fullMs };
    isIdle = true;
    return { waitMs: bounds.idleMs };
  }

  return {
    step,
    offer(lanes) {
      const counts = countByLane(lanes.map((lane) => ({ lane })));
      isIdle &&= [...counts].every(([lane, count]) => count <= (room.get(lane) ?? 0));
      if (!isIdle) return 0;
      take(counts);
      return bounds.leaseMs;
    },
    publish(events) {
      publishEvents(redis, keys, events).then(() => onPublished(events.length), onError);
    },
  };
}

function countByLane(events: readonly { lane: Priority }[]): Map<Priority, number> {
  const counts = new Map<Priority, number>();
  for (const { lane } of events) counts.set(lane, (counts.get(lane) ?? 0) + 1);
  return counts;
}

async function readDepths(
  redis: RedisClient,
  keys: RedisKeys,
  queues: JobQueues,
): Promise<Map<Priority, LaneDepth>> {
  const [streams, jobs] = await Promise.all([streamDepths(redis, keys), queues.depths()]);
  return new Map(
    LANES.map((lane) => {
      const { length, added } = streams.get(lane) ?? { length: 0, added: 0 };
      return [lane, { waiting: length + (jobs.get(lane) ?? 0), added, inStream: length }];
    }),
  );
}
