import { requestedWaitMs, responseTimeMs } from "../../domain/waits/read-wait.ts";
import type { OutgoingResult } from "../../runtime/outgoing/index.ts";
import type { FetchEnd, RateLimitSeen } from "./fetched-page.ts";
import { readRateLimit } from "./rate-limit-headers.ts";

/** An HTTP response. */
export type OutgoingResponse = Extract<OutgoingResult, { kind: "response" }>;

/** The classification of a response, with the provider's rate limit. */
export type ClassifiedResponse = { rateLimit: RateLimitSeen | undefined } & (
  | { kind: "page"; response: OutgoingResponse }
  /** A 304. */
  | { kind: "unchanged"; response: OutgoingResponse }
  /** A 401; a new token may help. */
  | { kind: "unauthorized" }
  /** `status` is 0 if there was no response. */
  | { kind: "end"; end: FetchEnd; status: number }
);

/** Classifies the result of a request for a page. */
export function classifyResponse(result: OutgoingResult, nowMs: number): ClassifiedResponse {
  if (result.kind !== "response") {
    const { code, message } = result;
    return { kind: "end", end: failed(code, message), status: 0, rateLimit: undefined };
  }
  const { status, headers } = result;
  const rateLimit = readRateLimit(headers, responseTimeMs(headers, nowMs));
  if (status >= 200 && status < 300) return { kind: "page", response: result, rateLimit };
  if (status === 304) return { kind: "unchanged", response: result, rateLimit };
  if (status === 401) return { kind: "unauthorized", rateLimit };
  const requestedMs = requestedWaitMs(status, headers, nowMs);
  const isUsedUp = rateLimit?.remaining === 0;
  // Some providers answer 403 instead of 429 and show only in the headers that it is the rate limit.
  if (status === 429 || (status === 403 && (isUsedUp || requestedMs !== undefined))) {
    const retryAfter = requestedMs ?? (isUsedUp ? rateLimit.resetS * 1_000 : undefined);
    return { kind: "end", end: { kind: "rate_limited", retryAfterMs: retryAfter }, status, rateLimit };
  }
  return {
    kind: "end",
    end: failed(codeOf(status), `The provider answered ${status}${hint(status)}`, requestedMs),
    status,
    rateLimit,
  };
}

/** Returns the end of a failed reading; `retryAfter` in ms. */
export function failed(code: string, message: string, retryAfter?: number): FetchEnd {
  return { kind: "failed", code, message, retryAfterMs: retryAfter };
}

function codeOf(status: number): string {
  if (status === 403) return "FORBIDDEN";
  if (status === 404 || status === 410) return "NOT_FOUND";
  return status >= 500 ? "SERVER_ERROR" : "UNEXPECTED_STATUS";
}

function hint(status: number): string {
  if (status === 403) return ": these credentials may not read this";
  return status >= 300 && status < 400 ? ": redirects are not followed" : "";
}
