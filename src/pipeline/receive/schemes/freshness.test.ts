import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTimestamp, judgeFreshness, parseTimestamp } from "./freshness.ts";
import type { TimeUnit } from "./scheme.ts";

const NOW_MS = 1_795_435_200_000;

test.each([
  [0, "fresh"],
  [300_000, "fresh"],
  [300_999, "fresh"],
  [301_000, "timestamp_too_old"],
  [-300_000, "fresh"],
  [-300_001, "timestamp_too_new"],
  [-301_000, "timestamp_too_new"],
])("a delivery of %i ms ago is %s", (ageMs, expected) => {
  expect(judgeFreshness(NOW_MS - ageMs, NOW_MS)).toBe(expected);
});

test("a time in whole seconds is judged alike in every millisecond of now's second", () => {
  fc.assert(
    fc.property(fc.integer({ min: -400, max: 400 }), fc.integer({ min: 0, max: 999 }), (ageS, ms) => {
      const expected = ageS > 300 ? "timestamp_too_old" : ageS < -300 ? "timestamp_too_new" : "fresh";
      expect(judgeFreshness(NOW_MS - ageS * 1000, NOW_MS + ms)).toBe(expected);
    }),
  );
});

test("a scheme may allow more time", () => {
  expect(judgeFreshness(NOW_MS - 600_000, NOW_MS, 600)).toBe("fresh");
  expect(judgeFreshness(NOW_MS - 601_000, NOW_MS, 600)).toBe("timestamp_too_old");
});

test.each<TimeUnit>(["s", "ms", "rfc3339"])("what is written in %s is read again", (unit) => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 253_402_300_799_999 }), (timestampMs) => {
      const whole = unit === "s" ? timestampMs - (timestampMs % 1000) : timestampMs;
      expect(parseTimestamp(formatTimestamp(timestampMs, unit), unit)).toBe(whole);
    }),
  );
});

test.each([
  ["2026-11-23T12:00:00Z", 1_795_435_200_000],
  ["2026-11-23T14:30:00.25+02:30", 1_795_435_200_250],
  ["2026-11-23t12:00:00.123456789z", 1_795_435_200_123],
])("the RFC 3339 time %s is %i", (text, expected) => {
  expect(parseTimestamp(text, "rfc3339")).toBe(expected);
});

test.each<[string, TimeUnit]>([
  ["", "s"],
  ["0", "s"],
  ["01", "s"],
  ["1 ", "s"],
  ["١٢", "s"],
  ["12345678901234567", "ms"],
  ["9999999999999999", "s"],
  ["253402300800000", "ms"],
  ["2026-11-23", "rfc3339"],
  ["2026-11-23 12:00:00Z", "rfc3339"],
  ["2026-11-23T12:00:00", "rfc3339"],
  ["2026-13-23T12:00:00Z", "rfc3339"],
  ["Mon, 23 Nov 2026 12:00:00 GMT", "rfc3339"],
  ["1795435200", "rfc3339"],
])("%j is no time in %s", (text, unit) => {
  expect(parseTimestamp(text, unit)).toBeUndefined();
});
