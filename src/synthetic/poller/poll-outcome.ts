import type { RateLimitSeen } from "../fetch/fetched-page.ts";

/** What came of a poll, as it is kept, shown, and learned from. */
export interface PollOutcome {
  /** UUIDv7. */
  id: string;
  status: "ok" | "degraded" | "held" | "rate_limited" | "error";
  /** Whether every record was seen: only then absence means anything. */
  complete: boolean;
  /** Records seen. */
  records: number;
  created: number;
  updated: number;
  deleted: number;
  restored: number;
  /** Deletions that wait for a decision. */
  held: { id: string; count: number } | undefined;
  /** Why it is not `ok`; `code` is stable, and the message holds no secret and nothing of a record. */
  error: { code: string; message: string } | undefined;
  startedAtMs: number;
  finishedAtMs: number;
  requests: number;
  /** No request may be sent before this moment, Unix ms. */
  notBeforeMs: number | undefined;
  rateLimit: RateLimitSeen | undefined;
  /** Whether it was the source's first. */
  first: boolean;
}

/** A right to poll a source once: the newest fence is the only one whose writes count. */
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
 * Polls a claimed source once: reads its pages, compares, and commits events and state in one transaction. Never
 * throws: what goes wrong is an outcome. `undefined`: the claim is no longer the newest, or the source is gone.
 */
export type PollSource = (
  claim: PollClaim,
  options: { admit: () => number; signal: AbortSignal },
) => Promise<PollOutcome | undefined>;
