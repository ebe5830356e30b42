const HOUR_S = 3_600;

/** Hours of a week, from Monday 00:00 local time. */
export const HOURS_OF_WEEK = 168;

/** 1970-01-01 was a Thursday. Times before 1980 are a simulation's clock, which starts on a Monday. */
const EPOCH_HOUR = 72;
const REAL_FROM_S = 315_532_800;

/** Returns the hour of the local week at `at` (Unix seconds), `offsetHours` ahead of UTC. */
export function hourOfWeek(at: number, offsetHours: number): number {
  const begun = at < REAL_FROM_S ? 0 : EPOCH_HOUR;
  const hour = (Math.floor(at / HOUR_S + offsetHours) + begun) % HOURS_OF_WEEK;
  return hour < 0 ? hour + HOURS_OF_WEEK : hour;
}

/** Returns the end of the local hour that contains `at`; always later than `at`. */
export function endOfHour(at: number, offsetHours: number): number {
  const end = (Math.floor(at / HOUR_S + offsetHours) + 1 - offsetHours) * HOUR_S;
  // Rounding may put the end at `at` itself if the offset is a fraction of an hour.
  return end > at ? end : end + HOUR_S;
}

/** Hours of the day, for working days and then for weekends: a coarse week. */
export const DAY_BINS = 48;
const WEEKEND_FROM = 120;

/** Returns the bin of an hour of the week. */
export function dayBin(hour: number): number {
  return (hour >= WEEKEND_FROM ? 24 : 0) + (hour % 24);
}

/** Returns how many hours of a week share the bin of this hour. */
export function hoursInBin(hour: number): number {
  return hour >= WEEKEND_FROM ? 2 : 5;
}

/** Returns how many hours a zone is ahead of UTC at `at` (Unix seconds). Unknown zones count as UTC. */
export function offsetHours(zone: number | string, at: number): number {
  if (typeof zone === "number") return zone;
  // Offsets change only at quarters of an hour.
  const quarter = Math.floor(at / 900);
  const cached = offsets.get(zone);
  if (cached?.quarter === quarter) return cached.hours;
  if (offsets.size >= MAX_ZONES) offsets.clear();
  const formatter = cached?.formatter ?? formatterOf(zone);
  const hours = (wallClockMs(formatter, quarter * 900_000) - quarter * 900_000) / 3_600_000;
  offsets.set(zone, { quarter, hours, formatter });
  return hours;
}

const MAX_ZONES = 1_000;
const offsets = new Map<string, { quarter: number; hours: number; formatter: Intl.DateTimeFormat }>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const parts = {
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  } as const;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone, hourCycle: "h23", ...parts });
  } catch {
    return new Intl.DateTimeFormat("en-US", { timeZone: "UTC", hourCycle: "h23", ...parts });
  }
}

/** Returns the zone's wall clock time, read as UTC. */
function wallClockMs(formatter: Intl.DateTimeFormat, atMs: number): number {
  const part = Object.fromEntries(
    formatter.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"]);
}
