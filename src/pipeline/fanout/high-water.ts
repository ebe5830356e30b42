import { LANES, type Priority } from "../../domain/priority.ts";

/** What waits behind the relay at one moment: in a lane's stream and in its queue. */
export interface LaneDepth {
  /** Events in the stream, read or not, and jobs in the queue. */
  waiting: number;
  /** Events that were ever added to the stream. */
  added: number;
  /** Events that are in the stream now. */
  inStream: number;
}

export interface HighWaterBounds {
  /** What waits behind the relay is at most what drains in this time, ms. */
  drainMs: number;
  /** Never held below this, so that a slow lane still finds the next batch ready. */
  minEvents: number;
  /** Never let above this, whatever the drain. */
  maxEvents: number;
}

/**
 * How many events each lane may be given now. Behind the relay all is first in, first out, so what waits there
 * delays whatever comes after it: it is kept below half a second of what the lane was last seen to drain.
 */
export interface HighWater {
  room(depths: ReadonlyMap<Priority, LaneDepth>, nowMs: number): Map<Priority, number>;
}

interface Drain {
  atMs: number;
  added: number;
  inStream: number;
  perMs: number;
}

/** The share of a new measurement in the running mean of the drain. */
const SMOOTHING = 0.3;

/** Measurements closer together than this say nothing, ms. */
const MIN_INTERVAL_MS = 20;

export function createHighWater(bounds: HighWaterBounds): HighWater {
  const drains = new Map<Priority, Drain>();
  return {
    room(depths, nowMs) {
      return new Map(
        LANES.map((lane) => {
          const depth = depths.get(lane) ?? { waiting: 0, added: 0, inStream: 0 };
          const drain = measure(drains.get(lane), depth, nowMs);
          drains.set(lane, drain);
          const mark = Math.min(bounds.maxEvents, Math.max(bounds.minEvents, drain.perMs * bounds.drainMs));
          return [lane, Math.max(0, Math.floor(mark) - depth.waiting)];
        }),
      );
    },
  };
}

/** Entries that were added and are no longer there were drained. A stream that was lost starts a new measurement. */
function measure(last: Drain | undefined, depth: LaneDepth, nowMs: number): Drain {
  const fresh = { atMs: nowMs, added: depth.added, inStream: depth.inStream, perMs: last?.perMs ?? 0 };
  if (last === undefined || depth.added < last.added) return fresh;
  const elapsedMs = nowMs - last.atMs;
  if (elapsedMs < MIN_INTERVAL_MS) return last;
  const drained = Math.max(0, depth.added - last.added - (depth.inStream - last.inStream));
  const perMs = drained / elapsedMs;
  // The drain of an idle lane is its arrivals: a lane that grows is believed at once, one that shrinks slowly.
  return { ...fresh, perMs: perMs > last.perMs ? perMs : last.perMs + SMOOTHING * (perMs - last.perMs) };
}
