/** The polling of a tenant's source, as stored by a PUT besides its connector, entity and credentials. */
export interface SourceDefinition {
  /** Fill the `{name}` placeholders in the connector's URL, headers and query. A code source receives them as they are. */
  params: Readonly<Record<string, string>>;
  base_interval_seconds: number;
  min_interval_seconds: number;
  max_interval_seconds: number;
  business_hours?: BusinessHours;
  /** Whether the records of the first poll emit created events. */
  baseline: "silent" | "emit";
  /** The part of a record stored to compute field diffs. */
  diff: "none" | "fields" | "values";
  deletions: {
    enabled: boolean;
    /** Consecutive complete polls in which a record must be missing. */
    confirm_polls: number;
    /** Deletions of one poll are held if they exceed both this share of the tracked records and `max_count`. */
    max_fraction: number;
    max_count: number;
    /** The time for which a record must be missing. */
    grace_seconds: number;
  };
}

/** The hours in which a tenant's records change most. Days are 1 (Monday) to 7, or names; times are hours, or `HH:MM`. */
export interface BusinessHours {
  /** An IANA time zone. */
  timezone: string;
  days: readonly (number | string)[];
  from: number | string;
  /** If not after `from`, the hours end on the next day. */
  to: number | string;
}

export const DEFAULT_SOURCE = {
  base_interval_seconds: 300,
  baseline: "silent",
  diff: "values",
  deletions: { enabled: true, confirm_polls: 2, max_fraction: 0.1, max_count: 10, grace_seconds: 0 },
} as const;

/** The longest poll interval. Digests are kept for three of them. */
export const MAX_INTERVAL_SECONDS = 7 * 86_400;

/** Returns the default limits of the interval: a tenth of the base, and twelve times it. */
export function defaultIntervalLimits(baseSeconds: number): { min: number; max: number } {
  return {
    min: Math.max(1, Math.floor(baseSeconds / 10)),
    max: Math.min(MAX_INTERVAL_SECONDS, 12 * baseSeconds),
  };
}

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** Returns business hours with days as 1 (Monday) to 7 and times as hours of the day. */
export function readBusinessHours({ timezone, days, from, to }: BusinessHours): {
  timezone: string;
  days: number[];
  from: number;
  to: number;
} {
  const dayOf = (day: number | string) => (typeof day === "number" ? day : DAYS.indexOf(day) + 1);
  const hourOf = (time: number | string) => {
    if (typeof time === "number") return time;
    const [hours = 0, minutes = 0] = time.split(":").map(Number);
    return hours + minutes / 60;
  };
  return { timezone, days: [...new Set(days.map(dayOf))].sort(), from: hourOf(from), to: hourOf(to) };
}
