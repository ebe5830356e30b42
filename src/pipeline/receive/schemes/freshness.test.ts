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
])("judges the freshness of a time %i ms ago as %s", (ageMs, expected) => {
  expect(judgeFreshness(NOW_MS - ageMs, NOW_MS)).toBe(expected);
});

test("judges a time in whole seconds the same in every millisecond of the current second", () => {
  fc.assert(
    fc.property(fc.integer({ min: -400, max: 400 }), fc.integer({ min: 0, max: 999 }), (ageS, ms) => {
      const expected = ageS > 300 ? "timestamp_too_old" : ageS < -300 ? "timestamp_too_new" : "fresh";
      expect(judgeFreshness(NOW_MS - ageS * 1000, NOW_MS + ms)).toBe(expected);
    }),
  );
});

test("uses the freshness tolerance of the scheme", () => {
  expect(judgeFreshness(NOW_MS - 600_000, NOW_MS, { pastS: 600, aheadS: 300 })).toBe("fresh");
  expect(judgeFreshness(NOW_MS - 601_000, NOW_MS, { pastS: 600, aheadS: 300 })).toBe("timestamp_too_old");
  expect(judgeFreshness(NOW_MS + 301_000, NOW_MS, { pastS: 600, aheadS: 300 })).toBe("timestamp_too_new");
});

test.each<TimeUnit>(["s", "ms", "rfc3339", "iso8601", "rfc2822"])(
  "parses the times that it formats in %s",
  (unit) => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 253_402_300_799_999 }), (timestampMs) => {
        const whole = unit === "s" || unit === "rfc2822" ? timestampMs - (timestampMs % 1000) : timestampMs;
        expect(parseTimestamp(formatTimestamp(timestampMs, unit), unit)).toBe(whole);
      }),
    );
  },
);

test.each([
  ["2026-11-23T12:00:00Z", 1_795_435_200_000],
  ["2026-11-23T14:30:00.25+02:30", 1_795_435_200_250],
  ["2026-11-23t12:00:00.123456789z", 1_795_435_200_123],
])("parses the RFC 3339 time %s as %i", (text, expected) => {
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
  ["2015-10-05T14:42:19-0700", "rfc3339"],
  ["2026-11-23", "iso8601"],
  ["2026-11-23T12:00", "iso8601"],
  ["2026-11-23T12:00:00+01", "iso8601"],
  ["2026-11-23T12:00:00  Z", "iso8601"],
  ["2026-11-23 12:00:00UTC", "iso8601"],
  ["2026-11-23 12:00:00 CET", "iso8601"],
  ["Tue, 23 Nov 2026 12:00:00 +0000", "rfc2822"],
  ["Mon, 23 Foo 2026 12:00:00 +0000", "rfc2822"],
  ["Mon, 31 Feb 2026 12:00:00 +0000", "rfc2822"],
  ["Mon, 23 Nov 2026 12:00:00 EST", "rfc2822"],
  ["Mon, 23 Nov 2026 12:00:00", "rfc2822"],
])("parses no time from %j in %s", (text, unit) => {
  expect(parseTimestamp(text, unit)).toBeUndefined();
});

test.each([
  ["2026-01-01T00:00:00.000", "2026-01-01T00:00:00.000Z"],
  ["2015-10-05T14:42:19-0700", "2015-10-05T21:42:19.000Z"],
  ["2015-10-05T14:42:19.5+05:30", "2015-10-05T09:12:19.500Z"],
  ["2015-10-05T14:42:19z", "2015-10-05T14:42:19.000Z"],
  ["2015-05-17 18:08:09 UTC", "2015-05-17T18:08:09.000Z"],
  ["2021-04-28 21:50:00 +0200", "2021-04-28T19:50:00.000Z"],
])("parses the time %s, whose zone may be missing or have no colon, as %s", (text, expected) => {
  expect(parseTimestamp(text, "iso8601")).toBe(Date.parse(expected));
});

test.each([
  ["Mon, 23 Nov 2026 12:00:00 +0000", "2026-11-23T12:00:00.000Z"],
  ["Mon, 23 Nov 2026 00:30:00 +0230", "2026-11-22T22:00:00.000Z"],
  ["3 Nov 2026 12:00:00 GMT", "2026-11-03T12:00:00.000Z"],
])("parses the RFC 2822 time %s as %s", (text, expected) => {
  expect(new Date(parseTimestamp(text, "rfc2822") ?? 0).toISOString()).toBe(expected);
});
