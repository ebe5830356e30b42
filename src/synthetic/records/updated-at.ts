import { instantMs } from "../../domain/condition/instant.ts";
import { ExactNumber } from "../../domain/json/exact-number.ts";
import { valueAt } from "./canonical-json.ts";

/** Smaller numbers are seconds: as milliseconds they would be before 1974. */
const SECONDS_BELOW = 1e11;

const YEAR_10_000 = Date.UTC(10_000, 0, 1);

/** Matches the offsets of ISO 8601 without a colon, `+0000` and `+00`, which Jira and Salesforce write. */
const SHORT_OFFSET = /(?<=\d[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?)([+-]\d{2})(\d{2})?$/;

/**
 * Returns a record's own update time, Unix ms: an RFC 3339 time, also with an offset without a colon, or a Unix time in
 * s or ms; undefined for other values.
 */
export function updatedAtMs(record: unknown, path: string | undefined): number | undefined {
  if (path === undefined) return undefined;
  const found = valueAt(record, path);
  const value = found instanceof ExactNumber ? found.valueOf() : found;
  const ms = typeof value === "string" ? instantMs(withColon(value)) : numberMs(value);
  return ms !== undefined && ms >= 0 && ms < YEAR_10_000 ? ms : undefined;
}

function withColon(text: string): string {
  return text.length > 128
    ? text
    : text.replace(SHORT_OFFSET, (_, hours: string, minutes = "00") => `${hours}:${minutes}`);
}

function numberMs(value: unknown): number | undefined {
  if (typeof value !== "number") return undefined;
  return value < SECONDS_BELOW ? value * 1_000 : value;
}
