import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const exponential = { kind: "exponential" as const, delayMs: 100, maxDelayMs: 1_000 };

test("an exponential back-off doubles its ceiling up to the maximum", () => {
  expect([1, 2, 3, 4, 5, 60].map((failures) => backoffMs(exponential, failures, () => 1))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});

test("an exponential back-off is drawn from the whole range up to its ceiling", () => {
  expect(backoffMs(exponential, 3, () => 0)).toBe(0);
  expect(backoffMs(exponential, 3, () => 0.5)).toBe(200);
});

test("a fixed back-off stays the same and within its maximum", () => {
  expect(backoffMs({ kind: "fixed", delayMs: 300, maxDelayMs: 200 }, 9, () => 0.1)).toBe(200);
});
