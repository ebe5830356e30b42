import { describe, expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const now = Date.UTC(1994, 10, 6, 8, 49, 7);

describe("retryAfterMs", () => {
  test.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["99999999999999999999", 86_400_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 30_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 30_000],
    ["Sun Nov  6 08:49:37 1994", 30_000],
    ["Sun, 06 Nov 1994 08:48:00 GMT", 0],
    ["Sat, 06 Nov 2100 08:49:37 GMT", 86_400_000],
  ])("retryAfterMs reads %s as %d ms", (value, waitMs) => {
    expect(retryAfterMs(value, now)).toBe(waitMs);
  });

  test.each([
    undefined,
    "",
    "soon",
    "-5",
    "1.5",
    "5, 5",
    "1e3",
    "1994-11-06T08:49:37Z",
    "Sun, 32 Foo 1994 08:49:37 GMT",
    "Sunday 5",
  ])("retryAfterMs returns undefined for %s", (value) => {
    expect(retryAfterMs(value, now)).toBeUndefined();
  });
});
