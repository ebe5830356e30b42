import { expect, test } from "vitest";
import { defaultIntervalLimits, readBusinessHours } from "./source.ts";

test("readBusinessHours converts days to 1 to 7 and times to hours", () => {
  const hours = { timezone: "Asia/Kolkata", days: ["fri", 1, "mon", 7], from: "08:30", to: "24:00" };
  expect(readBusinessHours(hours)).toEqual({ timezone: "Asia/Kolkata", days: [1, 5, 7], from: 8.5, to: 24 });
  expect(readBusinessHours({ ...hours, from: 22, to: 4 })).toMatchObject({ from: 22, to: 4 });
});

test("defaultIntervalLimits follow the base interval within the allowed range", () => {
  expect(defaultIntervalLimits(300)).toEqual({ min: 30, max: 3_600 });
  expect(defaultIntervalLimits(1)).toEqual({ min: 1, max: 12 });
  expect(defaultIntervalLimits(604_800)).toEqual({ min: 60_480, max: 604_800 });
});
