import {
  type ClaimedNotice,
  claimNotices,
  type SettledNotice,
  settleNotices,
} from "../postgres/alerts/notices.ts";
import type { Queryable } from "../postgres/core/database.ts";
import { type Backoff, backoffMs } from "../runtime/backoff.ts";
import type { Step } from "../runtime/loop.ts";
import type { OutgoingHttp, OutgoingResult } from "../runtime/outgoing/index.ts";
import { alertMessage } from "./alert-message.ts";

export interface AlertNoticeBounds {
  /** Notices that one step sends at once. */
  batchSize: number;
  /** How long a webhook may take, ms. */
  timeoutMs: number;
  /** A notice whose sender was lost is sent again after this time, ms; longer than `timeoutMs`. */
  leaseMs: number;
  /** After so many attempts a webhook is not told any more. */
  maxAttempts: number;
  backoff: Backoff;
  /** The wait between two looks, ms, unless an alert of this process wakes the loop. */
  intervalMs: number;
}

/** Of an answer no more is read, bytes. */
const MAX_RESPONSE_BYTES = 4_096;

/**
 * One step: tells the log, the metrics and the webhooks what alerts were opened and resolved. Each change is told to the
 * webhook at least once, with the same `Idempotency-Key` each time, by whichever copy claims it; a failure is tried
 * again under back-off, a target that may not be called is not.
 */
export function createAlertNoticeStep(deps: {
  database: Queryable;
  outgoing: OutgoingHttp;
  bounds: AlertNoticeBounds;
  random: () => number;
  /** A change that is told for the first time. */
  onChange: (notice: ClaimedNotice) => void;
  /** A webhook that will not be told, and why. */
  onGivenUp: (notice: ClaimedNotice, error: string) => void;
}): Step {
  const { database, outgoing, bounds, random, onChange, onGivenUp } = deps;

  async function tell(notice: ClaimedNotice, signal: AbortSignal): Promise<SettledNotice> {
    if (notice.attempt === 1) onChange(notice);
    const { alertId, change, attempt, webhookUrl: url } = notice;
    const settled = { alertId, change, attempt, waitMs: 0, error: undefined };
    if (url === undefined) return { ...settled, state: "untold" };
    const result = await outgoing.request({
      ...{ url, method: "POST", timeoutMs: bounds.timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES, signal },
      headers: { "content-type": "application/json", "idempotency-key": `${alertId}.${change}` },
      body: JSON.stringify(alertMessage(notice)),
    });
    const error = faultOf(result);
    if (error === undefined) return { ...settled, state: "delivered" };
    // A process that stops says nothing of the webhook.
    const isLast = attempt >= bounds.maxAttempts && !signal.aborted;
    if (result.kind === "refused" || isLast) {
      onGivenUp(notice, error);
      return { ...settled, state: "failed", error };
    }
    return { ...settled, state: "due", error, waitMs: backoffMs(bounds.backoff, attempt, random) };
  }

  return async (signal) => {
    const { batchSize, leaseMs, intervalMs } = bounds;
    const notices = await claimNotices(database, { limit: batchSize, leaseMs });
    await settleNotices(database, await Promise.all(notices.map((notice) => tell(notice, signal))));
    return { waitMs: notices.length === 0 ? intervalMs : 0 };
  };
}

/** Why a webhook was not told; nothing of its URL but the origin, for the rest is a secret. */
function faultOf(result: OutgoingResult): string | undefined {
  if (result.kind !== "response") return `${result.code}: ${result.message}`;
  return result.status >= 200 && result.status < 300
    ? undefined
    : `HTTP_STATUS: the webhook answered ${result.status}`;
}
