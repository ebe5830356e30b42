import { LANES, type Priority } from "../../domain/priority.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { claimOutbox } from "../../postgres/events/outbox.ts";
import type { RedisClient } from "../../redis/client.ts";
import { publishEvents } from "../../redis/event-stream.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { Step } from "../../runtime/loop.ts";
import { shareBatch } from "./budgets.ts";
import type { LaneRoom, LaneRoomBounds } from "./lane-room.ts";

export interface RelayBounds extends LaneRoomBounds {
  /** Events per claim, over all lanes. */
  batchSize: number;
  /** Tenants per lane and claim. */
  maxTenants: number;
  /** The lease of a published event, ms. If it ends before the event is routed, the event is published again. */
  leaseMs: number;
  /** The wait while the outbox is empty and nothing wakes the relay, ms. */
  idleMs: number;
  /** The wait while a lane has no room, ms. */
  fullMs: number;
}

/**
 * One step of fan-out: claims due events within the room of their lanes and publishes their ids. The claim commits
 * before the ids are published; after a crash between the two, the leases end and the events come due again.
 */
export function createRelay(deps: {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  room: LaneRoom;
  bounds: RelayBounds;
  onPublished: (events: number) => void;
}): Step {
  const { database, redis, keys, room, bounds, onPublished } = deps;
  const afterTenants = new Map<Priority, string>();
  return async () => {
    const budgets = shareBatch(await room.current(), bounds.batchSize);
    room.setIdle(false);
    if (budgets.size === 0) return { waitMs: bounds.fullMs };
    const { maxTenants, leaseMs } = bounds;
    const { events, nextAfter } = await claimOutbox(database, { budgets, afterTenants, maxTenants, leaseMs });
    for (const [lane, tenantId] of nextAfter) afterTenants.set(lane, tenantId);
    if (events.length > 0) await publishEvents(redis, keys, events);
    room.take(events.map((event) => event.lane));
    onPublished(events.length);
    const isWalking = [...nextAfter.values()].some((tenantId) => tenantId !== "");
    const claimed = (lane: Priority) => events.filter((event) => event.lane === lane).length;
    const mayHaveMore = [...budgets].some(([lane, budget]) => claimed(lane) * 2 >= budget);
    if (isWalking || mayHaveMore) return { waitMs: 0 };
    // The outbox was not read for lanes without room.
    if (budgets.size < LANES.length) return { waitMs: bounds.fullMs };
    room.setIdle(true);
    return { waitMs: bounds.idleMs };
  };
}
