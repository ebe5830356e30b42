import { expect, test } from "vitest";
import { defaultBounds, readBusinessHours } from "./source.ts";

test("business hours are reckoned in days of 1 to 7 and hours of the day", () => {
  const hours = { timezone: "Asia/Kolkata", days: ["fri", 1, "mon", 7], from: "08:30", to: "24:00" };
  expect(readBusinessHours(hours)).toEqual({ timezone: "Asia/Kolkata", days: [1, 5, 7], from: 8.5, to: 24 });
  expect(readBusinessHours({ ...hours, from: 22, to: 4 })).toMatchObject({ from: 22, to: 4 });
});

test("an interval's bounds follow its base, within what is allowed", () => {
  expect(defaultBounds(300)).toEqual({ min: 30, max: 3_600 });
  expect(defaultBounds(1)).toEqual({ min: 1, max: 12 });
  expect(defaultBounds(604_800)).toEqual({ min: 60_480, max: 604_800 });
});
