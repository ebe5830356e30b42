import { describe, expect, test } from "vitest";
import type { MissedTicks } from "../domain/flow/schedule.ts";
import { decideTicks } from "./decide-ticks.ts";

const NOON = Date.parse("2026-11-23T12:00:00Z");
const MINUTE_MS = 60_000;
const ON_TIME_MS = 30_000;

function decide(cron: string, tickMs: number, nowMs: number, missed: MissedTicks = "once", maxTicks = 100) {
  const schedule = { cron, timezone: "UTC", missed };
  const decided = decideTicks({ schedule, tickMs, nowMs, onTimeMs: ON_TIME_MS, maxTicks });
  const after = (ms: number | undefined) => (ms === undefined ? undefined : (ms - NOON) / 1_000);
  return { ticks: decided.ticks.map(after), next: after(decided.nextTickMs) };
}

describe("decideTicks", () => {
  test.each(["once", "skip"] as const)("decideTicks makes a tick that is on time (%s)", (missed) => {
    for (const lateMs of [0, 5, ON_TIME_MS]) {
      expect(decide("* * * * *", NOON, NOON + lateMs, missed)).toEqual({ ticks: [0], next: 60 });
    }
  });

  test("decideTicks makes every tick that is on time, up to its maximum", () => {
    expect(decide("* * * * * *", NOON, NOON + 3_000)).toEqual({ ticks: [0, 1, 2, 3], next: 4 });
    expect(decide("* * * * * *", NOON, NOON + 3_000, "once", 2)).toEqual({ ticks: [0, 1], next: 2 });
  });

  test("decideTicks makes the last of the missed ticks with once", () => {
    expect(decide("*/10 * * * *", NOON, NOON + 95 * MINUTE_MS)).toEqual({ ticks: [5_400], next: 6_000 });
    expect(decide("0 12 * * *", NOON, NOON + 60 * MINUTE_MS)).toEqual({ ticks: [0], next: 86_400 });
  });

  test("decideTicks makes no missed tick with skip", () => {
    expect(decide("*/10 * * * *", NOON, NOON + 95 * MINUTE_MS, "skip")).toEqual({ ticks: [], next: 6_000 });
  });

  test.each(["once", "skip"] as const)(
    "decideTicks makes only the tick that is on time after missed ones (%s)",
    (missed) => {
      const nowMs = NOON + 90 * MINUTE_MS + 5_000;
      expect(decide("*/10 * * * *", NOON, nowMs, missed)).toEqual({ ticks: [5_400], next: 6_000 });
    },
  );

  test("decideTicks skips a year of missed seconds without iterating over them", () => {
    const startedMs = performance.now();
    const { ticks } = decide("* * * * * *", NOON - 365 * 86_400_000, NOON);
    expect(ticks).toEqual(Array.from({ length: 31 }, (_, n) => n - 30));
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  test("decideTicks returns no next tick for an unreadable schedule", () => {
    expect(decide("not to be read", NOON, NOON)).toEqual({ ticks: [0], next: undefined });
  });
});
