import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WAIT_MS, readWaitMs, requestedWaitMs, responseTimeMs } from "./read-wait.ts";

/** Sunday. */
const NOW = Date.UTC(1994, 10, 6, 8, 49, 7);

describe("readWaitMs", () => {
  test.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["6.0", 6_000],
    ["6.5", 6_500],
    ["6.", 6_000],
    ["0.0004", 1],
    ["99999999999999999999", MAX_WAIT_MS],
    ["9".repeat(900), MAX_WAIT_MS],
    ["6, 6", 6_000],
    ["6,9 , 7", 9_000],
    ["soon, 6", 6_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 30_000],
    ["Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:17 GMT", 30_000],
    ["5, Sun, 06 Nov 1994 08:49:37 GMT, 7", 30_000],
    ["Sun, 06 Nov 1994 08:49:37 UTC", 30_000],
    ["Sun, 06 Nov 1994 08:49:37 +0000", 30_000],
    ["Sun, 06 Nov 1994 09:49:37 +0100", 30_000],
    ["Sun, 06 Nov 1994 03:19:37 -05:30", 30_000],
    ["Sun, 06 Nov 1994 09:49:37 GMT+0100", 30_000],
    ["Sun, 6 Nov 1994 08:49:37 Z", 30_000],
    ["06 Nov 1994 08:49:37 GMT", 30_000],
    ["sun, 06 nov 1994 08:49:37 gmt", 30_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 30_000],
    ["Sunday, 06-Nov-94 08:49:37 UTC", 30_000],
    ["Sun, 06-Nov-1994 08:49:37 GMT", 30_000],
    ["Friday, 06-Nov-43 08:49:37 GMT", MAX_WAIT_MS],
    ["Tuesday, 06-Nov-45 08:49:37 GMT", 0],
    ["Sun Nov  6 08:49:37 1994", 30_000],
    ["Sun Nov  6 08:49:37 UTC 1994", 30_000],
    ["Sun Nov 06 08:49:37 1994 GMT", 30_000],
    ["1994-11-06T08:49:37Z", 30_000],
    ["1994-11-06T08:49:37.5Z", 30_500],
    ["1994-11-06T10:49:37+02:00", 30_000],
    ["1994-11-06 08:49:37", 30_000],
    ["1994-11-06T08:50Z", 53_000],
    ["19941106T084937Z", 30_000],
    ["1994-11-07", 54_653_000],
    ["Sun, 06 Nov 1994 08:48:60 GMT", 0],
    ["Sun, 06 Nov 1994 08:48:00 GMT", 0],
    ["Sat, 06 Nov 2100 08:49:37 GMT", MAX_WAIT_MS],
  ])("a wait of %s is %d ms", (value, waitMs) => {
    expect(readWaitMs(value, NOW)).toBe(waitMs);
  });

  test("a wait may be a Unix time in s, also with decimals, or in ms", () => {
    const now = Date.UTC(2026, 0, 1);
    const at = now + 6_000;
    expect([`${at / 1_000}`, `${at / 1_000}.5`, `${at}`].map((text) => readWaitMs(text, now))).toEqual([
      6_000, 6_500, 6_000,
    ]);
    expect(readWaitMs(`${now / 1_000 - 5}`, now)).toBe(0);
  });

  test.each([
    undefined,
    "",
    ",",
    "soon",
    "-5",
    ".5",
    "1e3",
    "0x10",
    "Infinity",
    "5 seconds",
    "Sun, 32 Foo 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 PST",
    "1994-13-06T08:49:37Z",
    "1994-11-06T08:49:37+25:00",
    "Sunday 5",
    `${"6, ".repeat(400)}6`,
  ])("a wait of %s is ignored", (value) => {
    expect(readWaitMs(value, NOW)).toBeUndefined();
  });

  /** Whole seconds from 1970 to 2100. */
  const seconds = fc.integer({ min: 0, max: 4_102_444_800 });

  test("a wait is the same in each form of the same moment", () => {
    fc.assert(
      fc.property(
        seconds,
        fc.integer({ min: 0, max: 86_400 }),
        fc.integer({ min: -839, max: 839 }),
        (base, waitS, minutes) => {
          const [nowMs, at] = [base * 1_000, new Date((base + waitS) * 1_000)];
          const local = new Date(at.getTime() + minutes * 60_000);
          const digits = (number: number) => String(Math.abs(number)).padStart(2, "0");
          const offset = `${minutes < 0 ? "-" : "+"}${digits(Math.trunc(minutes / 60))}${digits(minutes % 60)}`;
          const imf = at.toUTCString();
          const forms = [
            String(waitS),
            `${waitS}.000`,
            imf,
            imf.replace("GMT", "UTC"),
            local.toUTCString().replace("GMT", offset),
            at.toISOString(),
            local.toISOString().replace("Z", offset),
            `${imf}, ${imf}`,
          ];
          expect(forms.map((form) => readWaitMs(form, nowMs))).toEqual(forms.map(() => waitS * 1_000));
        },
      ),
    );
  });

  test("a wait is undefined or from 0 to a day, whatever the text", () => {
    const part = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[-+.\d :,TZGMUC/A-Za-z]{0,40}$/),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      fc.double().map(String),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), seconds, (parts, base) => {
        const waitMs = readWaitMs(parts.join(", "), base * 1_000);
        expect(waitMs === undefined || (waitMs >= 0 && waitMs <= MAX_WAIT_MS)).toBe(true);
      }),
    );
  });
});

describe("requestedWaitMs", () => {
  test.each<[string, number, Record<string, string>, number | undefined]>([
    ["its Retry-After", 503, { "retry-after": "6.5", "x-ratelimit-reset": "9" }, 6_500],
    ["the reset of a 429", 429, { "x-ratelimit-reset": "6.5" }, 6_500],
    [
      "the reset of a 429 with a Retry-After that says nothing",
      429,
      { "retry-after": "soon", "ratelimit-reset": "6" },
      6_000,
    ],
    [
      "the seconds until the reset before its time",
      429,
      { "x-ratelimit-reset": "1", "x-ratelimit-reset-after": "2.5" },
      2_500,
    ],
    [
      "the reset of a 403 without remaining requests",
      403,
      { "x-rate-limit-remaining": "0", "x-rate-limit-reset": "1994-11-06T08:49:37Z" },
      30_000,
    ],
    [
      "no reset of a 403 with remaining requests",
      403,
      { "x-ratelimit-remaining": "7", "x-ratelimit-reset": "6" },
      undefined,
    ],
    ["no reset of a 404", 404, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "6" }, undefined],
    ["nothing", 429, {}, undefined],
  ])("a response asks to wait for %s", (_name, status, headers, waitMs) => {
    expect(requestedWaitMs(status, headers, NOW)).toBe(waitMs);
  });

  test("a date counts from the response's own date", () => {
    const headers = { date: "Sun, 06 Nov 1994 10:00:00 GMT", "retry-after": "Sun, 06 Nov 1994 10:00:06 GMT" };
    expect(requestedWaitMs(503, headers, NOW)).toBe(6_000);
  });
});

test("the time of a response is by its sender's clock, or ours if it has no date", () => {
  expect(responseTimeMs({ date: "Sun, 06 Nov 1994 08:59:07 GMT" }, NOW)).toBe(NOW + 600_000);
  expect(responseTimeMs({ date: "soon" }, NOW)).toBe(NOW);
  expect(responseTimeMs({}, NOW)).toBe(NOW);
});
