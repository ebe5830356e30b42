import { describe, expect, test } from "vitest";
import type { DeadLetterDay } from "../postgres/dead-letters/depths.ts";
import { forecastDeadLetters } from "./forecast.ts";

function day(daysAgo: number, entries: number, retentionDays = 30): DeadLetterDay {
  return { daysAgo, entries, bytes: entries * 100, retentionDays };
}

describe("the forecast of dead letters", () => {
  test("the forecast without dead letters is empty for thirty days", () => {
    const forecast = forecastDeadLetters([], 0.5);
    expect(forecast.now).toEqual({ entries: 0, bytes: 0 });
    expect(forecast.atHorizon).toEqual({ entries: 0, bytes: 0 });
    expect(forecast.expiring).toHaveLength(30);
  });

  test("the forecast of a steady stream is its daily rate times the retention", () => {
    const days = Array.from({ length: 30 }, (_, daysAgo) => day(daysAgo, daysAgo === 0 ? 50 : 100));
    const forecast = forecastDeadLetters(days, 0.5);
    expect(forecast.now.entries).toBe(2_950);
    expect(forecast.perDay).toEqual({ entries: 100, bytes: 10_000 });
    expect(forecast.atHorizon).toEqual({ entries: 3_000, bytes: 300_000 });
  });

  test("the forecast counts the first hour of a failure as a whole day", () => {
    const forecast = forecastDeadLetters([day(0, 1_000)], 1 / 24);
    expect([forecast.perDay.entries, forecast.atHorizon.entries]).toEqual([1_000, 30_000]);
  });

  test("the forecast ignores arrivals from before the last week", () => {
    expect(forecastDeadLetters([day(7, 1_000)], 0.5).atHorizon.entries).toBe(0);
  });

  test("the forecast uses only the retention period if that is shorter than a week", () => {
    const days = [day(0, 100, 2), day(1, 100, 2), day(2, 1, 2)];
    expect(forecastDeadLetters(days, 1).atHorizon.entries).toBe(200);
  });

  test("the forecast lists the expiring dead letters by day, overdue ones today", () => {
    const { expiring } = forecastDeadLetters([day(0, 1, 3), day(2, 2, 3), day(3, 4, 3), day(9, 8, 3)], 0.5);
    expect(expiring.slice(0, 5).map((one) => one.entries)).toEqual([12, 2, 0, 1, 0]);
    expect(expiring[1]).toEqual({ inDays: 1, entries: 2, bytes: 200 });
  });

  test("the forecast sums tenants, each with its own retention", () => {
    const forecast = forecastDeadLetters([day(0, 10, 10), day(0, 1, 100)], 1);
    expect(forecast.atHorizon.entries).toBe(200);
  });
});
