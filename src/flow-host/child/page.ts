import type { PageError } from "../protocol.ts";
import { describeThrown, read } from "./describe.ts";

/**
 * Returns the page of `fetchPage` as JSON: dates become text, big integers their digits. Values that JSON would silently
 * omit are replaced by values that the server refuses, since a page without its cursor would count as the last one.
 */
export function pageToSend(page: unknown, maxBytes: number): { text: string } | { error: PageError } {
  const { records, next, total } = (page ?? {}) as Record<string, unknown>;
  const sent = {
    records: Array.isArray(records) ? records : null,
    next: typeof next === "number" ? String(next) : isSendable(next, "string") ? next : {},
    total: isSendable(total, "number") && !Number.isNaN(total) ? total : -1,
  };
  let text: string;
  try {
    text = JSON.stringify(sent, (_key, value) => (typeof value === "bigint" ? String(value) : value));
  } catch {
    return unreadable("The result of fetchPage cannot be written as JSON");
  }
  return Buffer.byteLength(text) > maxBytes
    ? unreadable(`The result of fetchPage is more than ${maxBytes} bytes of JSON`)
    : { text };
}

/** Describes an error that `fetchPage` threw, with the fields for a provider's rate limit. */
export function pageError(thrown: unknown): PageError {
  const [status, statusCode, seconds] = ["status", "statusCode", "retryAfterSeconds"].map((name) =>
    read(thrown, name),
  );
  const limited = status === 429 || statusCode === 429;
  return {
    ...describeThrown(thrown),
    ...(limited && { status: 429 }),
    ...(typeof seconds === "number" && seconds >= 0 && { retryAfterSeconds: Math.min(seconds, 86_400) }),
  };
}

function isSendable(value: unknown, type: "string" | "number"): boolean {
  return value === undefined || value === null || typeof value === type;
}

function unreadable(message: string): { error: PageError } {
  return { error: { message, code: "PAGE_UNREADABLE" } };
}
