import { describe, expect, test } from "vitest";
import { checkSchedule, lastTick, nextTick, nextTicks, type Schedule } from "./schedule.ts";

function schedule(cron: string, timezone = "UTC"): Schedule {
  return { cron, timezone, missed: "once" };
}

/** Returns the ticks after a time, each computed from the previous one, as the scheduler does. */
function ticks(cron: string, timezone: string, after: string, count: number): string[] {
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  for (let n = 0; n < count; n += 1) {
    at = nextTick(schedule(cron, timezone), at as number);
    found.push(at === undefined ? "none" : new Date(at).toISOString().replace(":00.000Z", "Z"));
  }
  return found;
}

describe("ticks", () => {
  // In 2026 Berlin moves its clocks from 02:00 to 03:00 on 29 March and from 03:00 to 02:00 on 25 October, New York from
  // 02:00 to 03:00 on 8 March and from 02:00 to 01:00 on 1 November.
  test.each<[name: string, cron: string, timezone: string, after: string, expected: string[]]>([
    [
      "a time in Berlin's gap ticks once, at the end of the gap",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-03-28T00:00:00Z",
      ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    ],
    [
      "a list of times in Berlin's gap ticks once, at the end of the gap",
      "0,30 2,14 * * *",
      "Europe/Berlin",
      "2026-03-28T14:00:00Z",
      ["2026-03-29T01:00Z", "2026-03-29T12:00Z", "2026-03-29T12:30Z", "2026-03-30T00:00Z"],
    ],
    [
      "a step follows the clock across Berlin's gap",
      "*/30 * * * *",
      "Europe/Berlin",
      "2026-03-29T00:10:00Z",
      ["2026-03-29T00:30Z", "2026-03-29T01:00Z", "2026-03-29T01:30Z"],
    ],
    [
      "a time that occurs twice in Berlin ticks at the first",
      "30 2 * * *",
      "Europe/Berlin",
      "2026-10-24T12:00:00Z",
      ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ],
    [
      "a step continues through Berlin's repeated hour",
      "*/30 * * * *",
      "Europe/Berlin",
      "2026-10-24T23:40:00Z",
      [
        "2026-10-25T00:00Z",
        "2026-10-25T00:30Z",
        "2026-10-25T01:00Z",
        "2026-10-25T01:30Z",
        "2026-10-25T02:00Z",
      ],
    ],
    [
      "a time in New York's gap ticks once, at the end of the gap",
      "30 2 * * *",
      "America/New_York",
      "2026-03-07T00:00:00Z",
      ["2026-03-07T07:30Z", "2026-03-08T07:00Z", "2026-03-09T06:30Z"],
    ],
    [
      "a time that occurs twice in New York ticks at the first",
      "30 1 * * *",
      "America/New_York",
      "2026-10-31T00:00:00Z",
      ["2026-10-31T05:30Z", "2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ],
    [
      "an hourly schedule ticks every hour of New York's long day",
      "0 * * * *",
      "America/New_York",
      "2026-11-01T04:30:00Z",
      ["2026-11-01T05:00Z", "2026-11-01T06:00Z", "2026-11-01T07:00Z"],
    ],
    [
      "29 February comes in leap years, of which 2100 is none",
      "0 12 29 2 *",
      "UTC",
      "2095-01-01T00:00:00Z",
      ["2096-02-29T12:00Z", "2104-02-29T12:00Z"],
    ],
    [
      "either the day of the month or the weekday suffices",
      "0 0 13 * FRI",
      "UTC",
      "2026-03-10T00:00:00Z",
      ["2026-03-13T00:00Z", "2026-03-20T00:00Z"],
    ],
    ["a nickname is read", "@daily", "Asia/Kolkata", "2026-03-10T00:00:00Z", ["2026-03-10T18:30Z"]],
  ])("ticks: %s", (_name, cron, timezone, after, expected) => {
    expect(ticks(cron, timezone, after, expected.length)).toEqual(expected);
  });

  test("returns ticks strictly after a time, and the last one at or before it", () => {
    const at = Date.parse("2026-10-25T12:00:00Z");
    const hourly = schedule("0 * * * *");
    expect(nextTick(hourly, at - 1)).toBe(at);
    expect(nextTick(hourly, at)).toBe(at + 3_600_000);
    expect([0, 1, 999, 3_599_999].map((late) => lastTick(hourly, at + late))).toEqual([at, at, at, at]);
    expect(nextTicks(schedule("* * * * * *"), at, 3)).toEqual([at + 1_000, at + 2_000, at + 3_000]);
  });

  test("returns no ticks for an invalid schedule", () => {
    expect(nextTicks(schedule("0 0 * * *", "Mars/Olympus"), 0, 3)).toEqual([]);
    expect(lastTick(schedule("often"), 0)).toBeUndefined();
  });
});

describe("checkSchedule", () => {
  test.each(["0 3 * * *", "*/5 * * * *", "15 30 3 L * *", "0 0 29 2 *", "@hourly", "0 0 * * MON-FRI"])(
    "accepts the cron expression %s",
    (cron) => {
      expect(checkSchedule(schedule(cron, "Europe/Berlin"))).toEqual([]);
    },
  );

  test.each([
    "",
    "daily",
    "* * * *",
    "61 * * * *",
    "*/0 * * * *",
    "0 0 * * FOO",
    "0 0 * * * * 2027",
    "2027-01-01T00:00:00",
    "2027-01-01 00:00:00",
    "@reboot",
    "0 0 30 2 *",
    "0 0 31 4,6 *",
  ])("refuses the cron expression %j", (cron) => {
    expect(checkSchedule(schedule(cron))).toMatchObject([
      { field: "cron", got: JSON.stringify(cron), expected: expect.stringContaining("cron expression") },
    ]);
  });

  test.each(["", "Mars/Olympus", "+01:00", "CETT", "Europe/"])("refuses the time zone %j", (timezone) => {
    expect(checkSchedule(schedule("0 0 * * *", timezone))).toMatchObject([
      { field: "timezone", expected: "an IANA time zone, such as Europe/Berlin" },
    ]);
  });
});
