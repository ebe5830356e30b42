/** The longest wait that a target can ask for, ms: one day. */
const MAX_RETRY_AFTER_MS = 86_400_000;

/**
 * Reads a `Retry-After` header as a wait, ms: a number of seconds, or a date in one of the three formats of HTTP. Returns
 * 0 for a date in the past, a day for anything longer, and undefined for a malformed value.
 * Source: RFC 9110, sections 10.2.3 and 5.6.7.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, MAX_RETRY_AFTER_MS);
  if (!HTTP_DATE.test(text)) return undefined;
  // The oldest format has no zone. All are in GMT.
  const atMs = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(atMs - nowMs, 0), MAX_RETRY_AFTER_MS);
}

const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .{10,} (?:GMT|\d{4})$/;
