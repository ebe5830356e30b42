import type { DeadLetterDay } from "../postgres/dead-letters/depths.ts";

/** A number of dead letters that have their payload, and its bytes. */
interface Kept {
  entries: number;
  bytes: number;
}

/** The forecast of stored dead letters. */
export interface DeadLetterForecast {
  now: Kept;
  /** Arrivals per day, by the recent days. */
  perDay: Kept;
  /** The stored dead letters once all of `now` have expired, if `perDay` stays the same. */
  atHorizon: Kept;
  /** The dead letters that expire on each of the coming days, today first, with the overdue ones. */
  expiring: (Kept & { inDays: number })[];
}

/** Recent days that determine the arrivals per day. */
export const ARRIVAL_DAYS = 7;

/** Coming days in the forecast of expiries. */
const EXPIRING_DAYS = 30;

/**
 * Forecasts the number of stored dead letters. The rate is the average of the last `ARRIVAL_DAYS` days, including today,
 * or since the first arrival in these days. The average is over at least a day, so that the first hour of a failure is not
 * extrapolated. `dayFraction` is the part of today that has passed, 0 to 1. Pure.
 */
export function forecastDeadLetters(days: readonly DeadLetterDay[], dayFraction: number): DeadLetterForecast {
  const expiring = Array.from({ length: EXPIRING_DAYS }, (_, inDays) => ({ inDays, ...NONE }));
  const byRetention = new Map<number, DeadLetterDay[]>();
  for (const day of days) {
    byRetention.set(day.retentionDays, [...(byRetention.get(day.retentionDays) ?? []), day]);
    const expires = expiring[Math.max(0, day.retentionDays - day.daysAgo)];
    if (expires !== undefined) Object.assign(expires, plus(expires, day));
  }
  let [now, perDay, atHorizon]: [Kept, Kept, Kept] = [NONE, NONE, NONE];
  for (const [retentionDays, of] of byRetention) {
    const rate = dailyRate(of, retentionDays, dayFraction);
    now = plus(now, of.reduce(plus, NONE));
    perDay = plus(perDay, rate);
    atHorizon = plus(atHorizon, times(rate, retentionDays));
  }
  return { now, perDay: rounded(perDay), atHorizon: rounded(atHorizon), expiring };
}

const NONE: Kept = { entries: 0, bytes: 0 };

function dailyRate(days: readonly DeadLetterDay[], retentionDays: number, dayFraction: number): Kept {
  // Days before a shorter retention are already deleted.
  const recent = days.filter((day) => day.daysAgo < Math.min(ARRIVAL_DAYS, retentionDays));
  const oldest = recent.reduce((most, day) => Math.max(most, day.daysAgo), 0);
  return times(recent.reduce(plus, NONE), 1 / Math.max(1, oldest + dayFraction));
}

function plus(left: Kept, right: Kept): Kept {
  return { entries: left.entries + right.entries, bytes: left.bytes + right.bytes };
}

function times(kept: Kept, factor: number): Kept {
  return { entries: kept.entries * factor, bytes: kept.bytes * factor };
}

function rounded(kept: Kept): Kept {
  return { entries: Math.round(kept.entries), bytes: Math.round(kept.bytes) };
}
