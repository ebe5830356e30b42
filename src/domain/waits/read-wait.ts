import { readDateMs } from "./read-date.ts";

/** The longest wait that a server can ask for, ms: one day. */
export const MAX_WAIT_MS = 86_400_000;

/** The headers of a response, with lower-case names; repeated ones are joined by commas. */
export type ResponseHeaders = Readonly<Record<string, string | undefined>>;

/**
 * Reads how long a server asks to wait, ms, from the value of `Retry-After` or of a reset header: seconds, also with
 * decimals; a date (see `readDateMs`); or a Unix time in s or ms. A repeated header is a list, of which the longest wait
 * counts. Returns 0 for a moment in the past, a day for anything longer, and undefined if nothing can be read.
 */
export function readWaitMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined || value.length > MAX_LENGTH) return undefined;
  const parts = value.split(",").map((part) => part.trim());
  let longest: number | undefined;
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at] ?? "";
    // The comma behind a weekday belongs to the date.
    const dated = at + 1 < parts.length ? datedWaitMs(`${part}, ${parts[at + 1]}`, nowMs) : undefined;
    if (dated !== undefined) at += 1;
    const waitMs = dated ?? numericWaitMs(part, nowMs) ?? datedWaitMs(part, nowMs);
    if (waitMs !== undefined) longest = Math.max(longest ?? 0, waitMs);
  }
  return longest;
}

/**
 * Returns how long a response asks to wait, ms: its `Retry-After`, or the reset of its rate limit if it is a 429, or a 403
 * without remaining requests. Undefined if it does not say. Dates count from the response's own date, since the clocks
 * of servers differ.
 */
export function requestedWaitMs(status: number, headers: ResponseHeaders, nowMs: number): number | undefined {
  const sentMs = responseTimeMs(headers, nowMs);
  const retryAfterMs = readWaitMs(headers["retry-after"], sentMs);
  if (retryAfterMs !== undefined) return retryAfterMs;
  const isUsedUp = REMAINING.some((name) => /^0+(?:\.0+)?$/.test(headers[name]?.trim() ?? ""));
  if (status !== 429 && !(status === 403 && isUsedUp)) return undefined;
  for (const name of RESETS) {
    const resetMs = readWaitMs(headers[name], sentMs);
    if (resetMs !== undefined) return resetMs;
  }
  return undefined;
}

/** Returns the time of a response by its sender's clock, or `nowMs` if it has no date; Unix ms. */
export function responseTimeMs(headers: ResponseHeaders, nowMs: number): number {
  return readDateMs(headers["date"]?.trim() ?? "", nowMs) ?? nowMs;
}

const PREFIXES = ["ratelimit", "x-ratelimit", "x-rate-limit"];
const REMAINING = PREFIXES.map((prefix) => `${prefix}-remaining`);
/** The seconds until the reset first, where a server sends both forms. */
const RESETS = ["reset-after", "reset"].flatMap((name) => PREFIXES.map((prefix) => `${prefix}-${name}`));

/** Characters of a value that is read. */
const MAX_LENGTH = 1_000;

/** No wait takes thirty years: larger numbers are Unix times. */
const EPOCH_S = 1_000_000_000;
const EPOCH_MS = 1_000_000_000_000;

function numericWaitMs(text: string, nowMs: number): number | undefined {
  if (!/^\d+(?:\.\d*)?$/.test(text)) return undefined;
  const number = Number(text);
  if (number < EPOCH_S) return bounded(Math.ceil(number * 1_000));
  return bounded(Math.ceil(number >= EPOCH_MS ? number : number * 1_000) - nowMs);
}

function datedWaitMs(text: string, nowMs: number): number | undefined {
  const atMs = readDateMs(text, nowMs);
  return atMs === undefined ? undefined : bounded(atMs - nowMs);
}

function bounded(waitMs: number): number {
  return Math.min(Math.max(waitMs, 0), MAX_WAIT_MS);
}
