import { describe, expect, test } from "vitest";
import { readRateLimit } from "./rate-limit-headers.ts";

const NOW = Date.UTC(2026, 0, 1);

describe("readRateLimit", () => {
  test.each<[string, Record<string, string>, object | undefined]>([
    [
      "the structured form",
      { ratelimit: '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60' },
      { limit: 100, remaining: 50, resetS: 30 },
    ],
    [
      "the window if there is no reset",
      { ratelimit: '"a";r=5', "ratelimit-policy": '"a";q=9;w=60' },
      { limit: 9, remaining: 5, resetS: 60 },
    ],
    ["a token for a name", { ratelimit: "default;r=1;t=2" }, { limit: 1, remaining: 1, resetS: 2 }],
    [
      "the tightest of several policies",
      {
        ratelimit: '"day";r=900;t=86400, "burst";r=30;t=60',
        "ratelimit-policy": '"burst";q=100;w=60,"day";q=1000;w=86400',
      },
      { limit: 1000, remaining: 900, resetS: 86_400 },
    ],
    [
      "the exhausted policy with the latest reset",
      { ratelimit: '"burst";r=0;t=6, "day";r=0;t=600' },
      { limit: 0, remaining: 0, resetS: 600 },
    ],
    ["other parameters", { ratelimit: '"a";pk=:YQ==:;r=7;t=8;x' }, { limit: 7, remaining: 7, resetS: 8 }],
    [
      "the older dictionary",
      { ratelimit: "limit=100, remaining=50, reset=5" },
      { limit: 100, remaining: 50, resetS: 5 },
    ],
    [
      "the three headers",
      { "ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "99", "ratelimit-reset": "50" },
      { limit: 100, remaining: 99, resetS: 50 },
    ],
    [
      "X-RateLimit with seconds",
      { "x-ratelimit-limit": "10", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "7" },
      { limit: 10, remaining: 3, resetS: 7 },
    ],
    [
      "X-RateLimit with a Unix time",
      {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(NOW / 1_000 + 12),
      },
      { limit: 10, remaining: 0, resetS: 12 },
    ],
    [
      "X-Rate-Limit with a past Unix time in ms",
      { "x-rate-limit-remaining": "4", "x-rate-limit-reset": String(NOW - 5) },
      { limit: 4, remaining: 4, resetS: 0 },
    ],
    [
      "X-RateLimit with a date in ISO 8601",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-01-01T00:00:06Z" },
      { limit: 0, remaining: 0, resetS: 6 },
    ],
    [
      "X-RateLimit with decimal seconds, rounded up",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "5.2" },
      { limit: 0, remaining: 0, resetS: 6 },
    ],
    [
      "no more than a day",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999999" },
      { limit: 0, remaining: 0, resetS: 86_400 },
    ],
    ["nothing", {}, undefined],
    ["no number", { ratelimit: '"default";r=many;t=30' }, undefined],
    ["a negative one", { "x-ratelimit-remaining": "-1", "x-ratelimit-reset": "7" }, undefined],
    ["half of it", { "x-ratelimit-remaining": "1" }, undefined],
    ["no date", { "x-ratelimit-remaining": "1", "x-ratelimit-reset": "2026-01-32" }, undefined],
    ["what is too long", { ratelimit: `"a";r=1;t=1,${"x".repeat(5_000)}` }, undefined],
  ])("reads the rate limit: %s", (_name, headers, seen) => {
    expect(readRateLimit(headers, NOW)).toEqual(seen);
  });

  test("skips a malformed rate limit header for a valid one", () => {
    const headers = { ratelimit: "???", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "2" };
    expect(readRateLimit(headers, NOW)).toEqual({ limit: 1, remaining: 1, resetS: 2 });
  });
});
