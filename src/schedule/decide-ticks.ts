import { lastTick, nextTick, type Schedule } from "../domain/flow/schedule.ts";

/** What becomes of a schedule whose tick has come. */
export interface DecidedTicks {
  /** The ticks that an event is made for, ms since the epoch, in order. */
  ticks: number[];
  /** The first tick after those; undefined when none comes any more. */
  nextTickMs: number | undefined;
}

/**
 * The ticks to make of a schedule that has come to `tickMs`. Each that is at most `onTimeMs` late is made, `maxTicks`
 * at once. Of those that are later, missed because nobody was there, none is made by itself; where the schedule says
 * `once` and no other tick is due, the last of them stands for all. Pure.
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
