import { LANES, type Priority } from "../../domain/priority.ts";
import type { RedisClient } from "../../redis/client.ts";
import { streamDepths } from "../../redis/event-stream.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { createHighWater, type HighWaterBounds, type LaneDepth } from "./high-water.ts";

export interface LaneRoomBounds extends HighWaterBounds {
  /** How long a measurement of the streams and queues is used, ms. */
  depthMs: number;
}

/** The number of events that may still be published, per lane: measured from time to time, and counted in between. */
export interface LaneRoom {
  /** Measures again if the last measurement is old or a lane has no room left. */
  current(): Promise<ReadonlyMap<Priority, number>>;
  /** Takes room for published events, one event per entry. */
  take(lanes: readonly Priority[]): void;
  /** States whether events wait in the outbox. */
  setIdle(isIdle: boolean): void;
  /**
   * Takes room for one event per entry if no event waits in the outbox and every lane has enough. Otherwise returns
   * undefined, and so does every later call until `setIdle(true)`: the caller's events wait from then on.
   */
  takeIfIdle(lanes: readonly Priority[]): { release(lanes: readonly Priority[]): void } | undefined;
}

export function createLaneRoom(deps: {
  redis: RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  bounds: LaneRoomBounds;
  now: () => number;
}): LaneRoom {
  const { redis, keys, queues, bounds, now } = deps;
  const highWater = createHighWater(bounds);
  let room = new Map<Priority, number>();
  let measuredMs = Number.NEGATIVE_INFINITY;
  let isIdle = false;

  function add(counts: ReadonlyMap<Priority, number>, sign: 1 | -1): void {
    for (const [lane, count] of counts) room.set(lane, (room.get(lane) ?? 0) + sign * count);
  }

  return {
    async current() {
      const isOld = now() - measuredMs >= bounds.depthMs;
      if (isOld || LANES.some((lane) => (room.get(lane) ?? 0) <= 0)) {
        const depths = await readDepths(redis, keys, queues);
        measuredMs = now();
        room = highWater.room(depths, measuredMs);
      }
      return room;
    },
    take: (lanes) => add(countByLane(lanes), -1),
    setIdle(value) {
      isIdle = value;
    },
    takeIfIdle(lanes) {
      const counts = countByLane(lanes);
      isIdle &&= [...counts].every(([lane, count]) => count <= (room.get(lane) ?? 0));
      if (!isIdle) return undefined;
      add(counts, -1);
      const takenFrom = room;
      return {
        release(unused) {
          // A later measurement has not counted these events.
          if (room === takenFrom) add(countByLane(unused), 1);
        },
      };
    },
  };
}

function countByLane(lanes: readonly Priority[]): Map<Priority, number> {
  const counts = new Map<Priority, number>();
  for (const lane of lanes) counts.set(lane, (counts.get(lane) ?? 0) + 1);
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
