/** How a tenant's source is polled: what is stored of a PUT besides its connector, entity and credentials. */
export interface SourceDefinition {
  /** Fill the `{name}` of the connector's URL, headers and query; a code source is given them. */
  params: Readonly<Record<string, string>>;
  base_interval_seconds: number;
  min_interval_seconds: number;
  max_interval_seconds: number;
  business_hours?: BusinessHours;
  /** Whether the records of the first poll are told as created. */
  baseline: "silent" | "emit";
  /** How much is kept of a record to say what changed in it. */
  diff: "none" | "fields" | "values";
  deletions: {
    enabled: boolean;
    /** Complete polls in a row that must miss a record. */
    confirm_polls: number;
    /** Deletions of one poll are held when they are more than both, of the tracked records and in number. */
    max_fraction: number;
    max_count: number;
    /** A record must be missing for as long, s. */
    grace_seconds: number;
  };
}

/** When a tenant's records change most. Days are 1 (Monday) to 7, or their names; times are hours, or `HH:MM`. */
export interface BusinessHours {
  /** An IANA name. */
  timezone: string;
  days: readonly (number | string)[];
  from: number | string;
  /** Where it is not after `from`, the hours run into the next day. */
  to: number | string;
}

export const DEFAULT_SOURCE = {
  base_interval_seconds: 300,
  baseline: "silent",
  diff: "values",
  deletions: { enabled: true, confirm_polls: 2, max_fraction: 0.1, max_count: 10, grace_seconds: 0 },
} as const;

/** An interval is never longer: digests live three of the longest. */
export const MAX_INTERVAL_SECONDS = 7 * 86_400;

/** The bounds of the interval where a source names none: a tenth of the base, and twelve times it. */
export function defaultBounds(baseSeconds: number): { min: number; max: number } {
  return {
    min: Math.max(1, Math.floor(baseSeconds / 10)),
    max: Math.min(MAX_INTERVAL_SECONDS, 12 * baseSeconds),
  };
}

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** Business hours with days as 1 (Monday) to 7 and times as hours of the day, for reckoning. */
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
