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
  test.each(["once", "skip"] as const)("makes a tick that is on time, and moves on (%s)", (missed) => {
    for (const lateMs of [0, 5, ON_TIME_MS]) {
      expect(decide("* * * * *", NOON, NOON + lateMs, missed)).toEqual({ ticks: [0], next: 60 });
    }
  });

  test("makes each of several ticks that are on time, at most so many at once", () => {
    expect(decide("* * * * * *", NOON, NOON + 3_000)).toEqual({ ticks: [0, 1, 2, 3], next: 4 });
    expect(decide("* * * * * *", NOON, NOON + 3_000, "once", 2)).toEqual({ ticks: [0, 1], next: 2 });
  });

  test("makes the last of the ticks that were missed, for all of them", () => {
    expect(decide("*/10 * * * *", NOON, NOON + 95 * MINUTE_MS)).toEqual({ ticks: [5_400], next: 6_000 });
    expect(decide("0 12 * * *", NOON, NOON + 60 * MINUTE_MS)).toEqual({ ticks: [0], next: 86_400 });
  });

  test("makes none of the ticks that were missed where they are to be skipped", () => {
    expect(decide("*/10 * * * *", NOON, NOON + 95 * MINUTE_MS, "skip")).toEqual({ ticks: [], next: 6_000 });
  });

  test.each(["once", "skip"] as const)(
    "makes a tick that is on time for those before it too (%s)",
    (missed) => {
      const nowMs = NOON + 90 * MINUTE_MS + 5_000;
      expect(decide("*/10 * * * *", NOON, nowMs, missed)).toEqual({ ticks: [5_400], next: 6_000 });
    },
  );

  test("makes up for a year of missed seconds without walking through them", () => {
    const startedMs = performance.now();
    const { ticks } = decide("* * * * * *", NOON - 365 * 86_400_000, NOON);
    expect(ticks).toEqual(Array.from({ length: 31 }, (_, n) => n - 30));
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  test("says so where no tick comes any more", () => {
    expect(decide("not to be read", NOON, NOON)).toEqual({ ticks: [0], next: undefined });
  });
});
