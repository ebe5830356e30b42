import { LANES, type Priority } from "../../domain/priority.ts";

/** The events and jobs of a lane that wait behind the relay. */
export interface LaneDepth {
  /** Events in the stream, read or not, and jobs in the queue. */
  waiting: number;
  /** Events added to the stream since it exists. */
  added: number;
  /** Events in the stream. */
  inStream: number;
}

export interface HighWaterBounds {
  /** At most as many events wait behind the relay as drain in this time, ms. */
  drainMs: number;
  /** The least high-water mark, so that a slow lane finds its next batch ready. */
  minEvents: number;
  /** The greatest high-water mark. */
  maxEvents: number;
}

/**
 * The room of each lane. Streams and queues are first in, first out, so waiting events delay all later ones; their
 * number is kept below the high-water mark, `drainMs` of the lane's measured drain.
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

/** Weight of a new measurement in the running mean of the drain. */
const SMOOTHING = 0.3;

/** The shortest interval between two measurements, ms. */
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

/** Measures the drain: entries that were added and have left. A lost stream starts a new measurement. */
function measure(last: Drain | undefined, depth: LaneDepth, nowMs: number): Drain {
  const fresh = { atMs: nowMs, added: depth.added, inStream: depth.inStream, perMs: last?.perMs ?? 0 };
  if (last === undefined || depth.added < last.added) return fresh;
  const elapsedMs = nowMs - last.atMs;
  if (elapsedMs < MIN_INTERVAL_MS) return last;
  const drained = Math.max(0, depth.added - last.added - (depth.inStream - last.inStream));
  const perMs = drained / elapsedMs;
  // The drain of an idle lane is limited by its arrivals: it rises at once and falls slowly.
  return { ...fresh, perMs: perMs > last.perMs ? perMs : last.perMs + SMOOTHING * (perMs - last.perMs) };
}
