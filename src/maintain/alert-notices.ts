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

/** Bounds of alert notices. */
export interface AlertNoticeBounds {
  /** Notices that one step sends. */
  batchSize: number;
  /** How long a webhook may take, ms. */
  timeoutMs: number;
  /** The lease of a claimed notice, ms. Longer than `timeoutMs`; another process sends the notice once it expires. */
  leaseMs: number;
  /** The number of tries after which a notice fails. */
  maxAttempts: number;
  backoff: Backoff;
  /** The wait between two steps, ms, unless an alert of this process wakes the loop. */
  intervalMs: number;
}

/** The response is read up to this size, bytes. */
const MAX_RESPONSE_BYTES = 4_096;

/**
 * Creates the step that reports opened and resolved alerts to the log, the metrics and the webhooks. A webhook gets each
 * notice at least once, always with the same `Idempotency-Key`, from the process that claims it. Failures are retried with
 * back-off, except for a target that may not be called.
 */
export function createAlertNoticeStep(deps: {
  database: Queryable;
  outgoing: OutgoingHttp;
  bounds: AlertNoticeBounds;
  random: () => number;
  /** Called for each notice at its first try. */
  onChange: (notice: ClaimedNotice) => void;
  /** Called for a notice that will not be sent again. */
  onFailed: (notice: ClaimedNotice, error: string) => void;
}): Step {
  const { database, outgoing, bounds, random, onChange, onFailed } = deps;

  async function send(notice: ClaimedNotice, signal: AbortSignal): Promise<SettledNotice> {
    if (notice.attempt === 1) onChange(notice);
    const { alertId, change, attempt, webhookUrl: url } = notice;
    const settled = { alertId, change, attempt, waitMs: 0, error: undefined };
    if (url === undefined) return { ...settled, state: "untold" };
    const result = await outgoing.request({
      url,
      method: "POST",
      timeoutMs: bounds.timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      statusDecides: true,
      signal,
      headers: { "content-type": "application/json", "idempotency-key": `${alertId}.${change}` },
      body: JSON.stringify(alertMessage(notice)),
    });
    const error = faultOf(result);
    if (error === undefined) return { ...settled, state: "delivered" };
    // An abort because the process stops is no failure of the webhook.
    const isLast = attempt >= bounds.maxAttempts && !signal.aborted;
    if (result.kind === "refused" || isLast) {
      onFailed(notice, error);
      return { ...settled, state: "failed", error };
    }
    return { ...settled, state: "due", error, waitMs: backoffMs(bounds.backoff, attempt, random) };
  }

  return async (signal) => {
    const { batchSize, leaseMs, intervalMs } = bounds;
    const notices = await claimNotices(database, { limit: batchSize, leaseMs });
    await settleNotices(database, await Promise.all(notices.map((notice) => send(notice, signal))));
    return { waitMs: notices.length === 0 ? intervalMs : 0 };
  };
}

/** Returns why a request failed. Contains only the origin of the URL: the rest is a secret. */
function faultOf(result: OutgoingResult): string | undefined {
  if (result.kind !== "response") return `${result.code}: ${result.message}`;
  return result.status >= 200 && result.status < 300
    ? undefined
    : `HTTP_STATUS: the webhook responded with ${result.status}`;
}
