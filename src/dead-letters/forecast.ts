import type { DeadLetterDay } from "../postgres/dead-letters/depths.ts";

/** How many dead letters hold their payload, and its bytes. */
interface Kept {
  entries: number;
  bytes: number;
}

export interface DeadLetterForecast {
  now: Kept;
  /** What arrives in a day, by the days of arrival that are looked at. */
  perDay: Kept;
  /** What will be kept when everything of now has expired, if as much arrives as does now. */
  atHorizon: Kept;
  /** What expires in each of the coming days, today first; what is overdue expires today. */
  expiring: (Kept & { inDays: number })[];
}

/** Days of arrival that tell how much arrives in a day. */
export const ARRIVAL_DAYS = 7;

/** Coming days of which it is told what expires. */
const EXPIRING_DAYS = 30;

/**
 * What becomes of the dead letters of now, and how many there will be. The rate is what arrived in the last
 * `ARRIVAL_DAYS` days, today among them, or since the first arrival in these; never less than a day, so that the
 * first hour of a failure is not taken for a day's rate. `dayFraction` is the part of today that has passed, 0 to 1.
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
  // Of a shorter retention the days before are gone.
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
