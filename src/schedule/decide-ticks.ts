import { lastTick, nextTick, type Schedule } from "../domain/flow/schedule.ts";

/** The decision about a schedule with a due tick. */
export interface DecidedTicks {
  /** The ticks to make events for, ms since the epoch, in order. */
  ticks: number[];
  /** The first tick after these; undefined if there is none. */
  nextTickMs: number | undefined;
}

/**
 * Decides which ticks to make of a schedule whose next tick is `tickMs`. Ticks at most `onTimeMs` late are made, up to
 * `maxTicks`. Later ones were missed, because no scheduler ran, and are not made. If the schedule says `once` and no other
 * tick is due, the last missed tick is made for all of them. Pure.
 */
export function decideTicks(due: {
  schedule: Schedule;
  tickMs: number;
  nowMs: number;
  onTimeMs: number;
  maxTicks: number;
}): DecidedTicks {
  const { schedule, tickMs, nowMs, onTimeMs, maxTicks } = due;
  const onTimeFromMs = nowMs - onTimeMs;
  const first = tickMs >= onTimeFromMs ? tickMs : nextTick(schedule, onTimeFromMs - 1);
  const ticks: number[] = [];
  let next = first;
  while (next !== undefined && next <= nowMs && ticks.length < maxTicks) {
    ticks.push(next);
    next = nextTick(schedule, next);
  }
  if (ticks.length > 0 || schedule.missed === "skip") return { ticks, nextTickMs: next };
  return { ticks: [lastTick(schedule, nowMs) ?? tickMs], nextTickMs: next };
}
