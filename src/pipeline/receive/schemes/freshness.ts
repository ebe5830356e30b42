import type { Scheme, TimeUnit } from "./scheme.ts";

/** Default difference allowed between a signed time and now, in both directions. */
export const DEFAULT_TOLERANCE_S = 300;

/** The result of a freshness check. */
export type Freshness = "fresh" | "timestamp_too_old" | "timestamp_too_new";

/**
 * Compares the signed time of a delivery with now. The age counts in whole seconds, because most providers write the
 * time so: with a tolerance of 300 s a delivery 300 s old or ahead is fresh, and one of 301 s is not.
 */
export function judgeFreshness(
  timestampMs: number,
  nowMs: number,
  { pastS, aheadS }: FreshnessWindow = { pastS: DEFAULT_TOLERANCE_S, aheadS: DEFAULT_TOLERANCE_S },
): Freshness {
  const ageS = Math.floor((nowMs - timestampMs) / 1000);
  if (ageS > pastS) return "timestamp_too_old";
  return ageS < -aheadS ? "timestamp_too_new" : "fresh";
}

/** The times of sending that are accepted, in seconds before and after now. */
export interface FreshnessWindow {
  pastS: number;
  aheadS: number;
}

/**
 * Returns the window of a scheme: the tolerance in both directions, and back as far as the retry span if retries keep
 * the time of the first attempt.
 */
export function freshnessWindow({ timestamp, retry_span_s }: Scheme): FreshnessWindow {
  const { tolerance_s: aheadS = DEFAULT_TOLERANCE_S, retries_keep_time = false } = timestamp ?? {};
  return { pastS: retries_keep_time ? Math.max(aheadS, retry_span_s) : aheadS, aheadS };
}

/** Parses a time to Unix ms. Undefined if the text is not exactly a time in this unit. */
export function parseTimestamp(text: string, unit: TimeUnit): number | undefined {
  const timestampMs = PARSERS[unit](text);
  return timestampMs >= 0 && timestampMs <= LATEST_MS ? timestampMs : undefined;
}

/** Parses the time of an event as `parseTimestamp` does, or seconds with a fraction, which no provider signs. */
export function parseMoment(text: string, unit: TimeUnit): number | undefined {
  if (unit !== "s" || !/^[1-9]\d{0,15}\.\d{1,9}$/.test(text)) return parseTimestamp(text, unit);
  const timestampMs = Math.floor(Number(text) * 1_000);
  return timestampMs <= LATEST_MS ? timestampMs : undefined;
}

/** Formats a time so that `parseTimestamp` can parse it, truncated to whole units. */
export function formatTimestamp(timestampMs: number, unit: TimeUnit): string {
  if (unit === "rfc3339" || unit === "iso8601") return new Date(timestampMs).toISOString();
  if (unit === "rfc2822") return new Date(timestampMs).toUTCString();
  return String(unit === "s" ? Math.floor(timestampMs / 1000) : Math.floor(timestampMs));
}

/** The end of the year 9999, the last year in RFC 3339. */
const LATEST_MS = 253_402_300_799_999;

function parseInteger(text: string): number {
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
}

function parseRfc3339(text: string): number {
  return RFC3339.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
}

function parseIso8601(text: string): number {
  const [, date, time, zone = "Z"] = ISO8601.exec(text) ?? [];
  if (date === undefined) return Number.NaN;
  const offset = zone.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  return parseRfc3339(`${date}T${time}${offset}`);
}

const ISO8601 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?: ?([Zz]|[+-]\d\d:?\d\d)| UTC)?$/;

/** Parses the dates of mails, with a zone in digits or GMT. The day of the week, which may be missing, must be right. */
function parseRfc2822(text: string): number {
  const [, weekday, day = "", month = "", year, time, zone] = RFC2822.exec(text) ?? [];
  if (zone === undefined) return Number.NaN;
  const date = `${year}-${String(MONTHS.indexOf(month) + 1).padStart(2, "0")}-${day.padStart(2, "0")}`;
  const isOnDay = weekday === undefined || new Date(date).toUTCString().startsWith(weekday);
  const offset = zone === "GMT" ? "Z" : zone.replace(/^(.{3})/, "$1:");
  return isOnDay ? parseRfc3339(`${date}T${time}${offset}`) : Number.NaN;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const RFC2822 = /^(?:([A-Z][a-z]{2}), )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) (GMT|[+-]\d{4})$/;

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

const PARSERS: Readonly<Record<TimeUnit, (text: string) => number>> = {
  s: (text) => parseInteger(text) * 1_000,
  ms: parseInteger,
  rfc3339: parseRfc3339,
  iso8601: parseIso8601,
  rfc2822: parseRfc2822,
};
