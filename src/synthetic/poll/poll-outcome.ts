import { HeadraceError } from "../../domain/errors.ts";
import type { RateLimitSeen } from "../fetch/fetched-page.ts";

/** The result of a poll. */
export interface PollOutcome {
  /** UUIDv7. */
  id: string;
  status: "ok" | "degraded" | "held" | "rate_limited" | "error";
  /** Whether every record was seen. Absent records count as deleted only if so. */
  complete: boolean;
  /** Records seen. */
  records: number;
  created: number;
  updated: number;
  deleted: number;
  restored: number;
  /** Deletions that wait for an approval. */
  held: { id: string; count: number } | undefined;
  /** The reason for a status other than `ok`. `code` is stable; the message contains no secret and no record data. */
  error: { code: string; message: string } | undefined;
  startedAtMs: number;
  finishedAtMs: number;
  requests: number;
  /** Earliest time of the next request, Unix ms. */
  notBeforeMs: number | undefined;
  rateLimit: RateLimitSeen | undefined;
  /** Whether it was the source's first poll. */
  first: boolean;
}

/** Returns the outcome of a poll that an error ended before it read anything. */
export function failedOutcome(
  { pollId }: Pick<PollClaim, "pollId">,
  times: { startedAtMs: number; finishedAtMs: number },
  error: unknown,
): PollOutcome {
  return {
    id: pollId,
    status: "error",
    complete: false,
    records: 0,
    created: 0,
    updated: 0,
    deleted: 0,
    restored: 0,
    held: undefined,
    error:
      error instanceof HeadraceError
        ? { code: error.code, message: error.message }
        : { code: "poll_failed", message: "The poll failed; see the log" },
    startedAtMs: times.startedAtMs,
    finishedAtMs: times.finishedAtMs,
    requests: 0,
    notBeforeMs: undefined,
    rateLimit: undefined,
    first: false,
  };
}

/** The right to poll a source once. Only the claim with the newest fence can write. */
export interface PollClaim {
  tenantId: string;
  source: string;
  /** Rises with every claim. */
  fence: number;
  /** UUIDv7. */
  pollId: string;
  /** When the poll was due, Unix ms. */
  dueAtMs: number;
}

/**
 * Polls a claimed source once: reads its pages, compares the records, and commits events and state together. Never
 * throws; errors are outcomes. Returns undefined if the claim is no longer the newest or the source is gone.
 */
export type PollSource = (
  claim: PollClaim,
  options: { admit: () => number; signal: AbortSignal },
) => Promise<PollOutcome | undefined>;
