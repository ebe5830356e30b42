import { expect, test } from "vitest";
import { instantMs } from "./instant.ts";

test("instantMs parses RFC 3339 times with a zone to the microsecond", () => {
  expect(instantMs("1970-01-01T00:00:01Z")).toBe(1_000);
  expect(instantMs("1970-01-01t01:00:01.5+01:00")).toBe(1_500);
  const [earlier, later] = ["2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z"].map(instantMs);
  expect(earlier).toBeLessThan(later as number);
  expect(instantMs("2024-02-29T23:59:59-12:00")).toBe(Date.UTC(2024, 2, 1, 11, 59, 59));
});

test.each([
  "2026-01-01",
  "2026-01-01T00:00:00",
  "2026-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01 00:00:00Z",
  "1767225600000",
  "",
])("instantMs rejects %j", (text) => {
  expect(instantMs(text)).toBeUndefined();
});
