import type { BulkOutcomes, BulkState, StoredBulk } from "../postgres/dead-letters/bulk-replay.ts";

/** The pace of a bulk replay. */
export interface BulkPace {
  /** Replays that start first, alone. */
  canary: number;
  /** The share of failures among the recent outcomes above which it is aborted, 0 to 1. */
  maxFailures: number;
  /** Outcomes needed for that decision after the canary. */
  minOutcomes: number;
  /** Outcomes that count as recent. Beyond this number the older ones count half. */
  recentOutcomes: number;
  /** The rate after the canary, replays per second. It doubles every `doubleMs` up to the requested rate. */
  firstPerSecond: number;
  doubleMs: number;
  /** Replays that wait for a worker or have one. More would delay polled events, which share the last lane. */
  maxInFlight: number;
  /** Replays that start in one transaction. */
  batchSize: number;
  /** The wait between two steps, ms. */
  stepMs: number;
}

/** The decision about the next step of a bulk replay. */
export interface BulkStep {
  state: BulkState;
  reason: string | undefined;
  succeeded: number;
  failed: number;
  recent: { ended: number; failed: number };
  /** Replays to start now, at most. */
  take: number;
  /** The wait before the next step, ms. */
  waitMs: number;
}

/**
 * Decides the next step of a bulk replay. A canary goes first. Once it has succeeded, the rate rises to the requested
 * one. The bulk replay is aborted when too many recent replays failed. A run that waits for a retry counts as failing, so
 * that slow retries do not hide the failure. Pure.
 */
export function paceBulk(bulk: StoredBulk, outcomes: BulkOutcomes, pace: BulkPace): BulkStep {
  const recent = recentOf(bulk.recent, outcomes, pace.recentOutcomes);
  const step: BulkStep = {
    state: bulk.state,
    reason: bulk.reason,
    succeeded: bulk.succeeded + outcomes.succeeded,
    failed: bulk.failed + outcomes.failed,
    recent,
    take: 0,
    waitMs: pace.stepMs,
  };
  if (bulk.state !== "canary" && bulk.state !== "running") return step;
  const known = recent.ended + outcomes.failing;
  const bad = recent.failed + outcomes.failing;
  const isCanary = bulk.state === "canary";
  if (isCanary && bulk.started === 0) return { ...step, take: pace.canary };
  const isWaiting = isCanary && outcomes.inFlight > outcomes.failing;
  if (isWaiting) return step;
  // An abort would not prevent anything once all replays have started.
  const isJudged = !bulk.exhausted && known >= (isCanary ? 1 : pace.minOutcomes);
  if (isJudged && bad > known * pace.maxFailures) {
    return { ...step, state: "aborted", reason: `${bad} of the last ${known} replays failed` };
  }
  const perSecond = Math.min(
    bulk.ratePerSecond,
    pace.firstPerSecond * 2 ** Math.min(30, (bulk.rampedMs ?? 0) / pace.doubleMs),
  );
  const share = Math.max(1, Math.floor((perSecond * pace.stepMs) / 1_000));
  const room = pace.maxInFlight - (outcomes.inFlight - outcomes.failing);
  const take = bulk.exhausted ? 0 : Math.max(0, Math.min(share, room, pace.batchSize));
  return { ...step, state: "running", take, waitMs: Math.max(pace.stepMs / 2, (take * 1_000) / perSecond) };
}

function recentOf(
  before: StoredBulk["recent"],
  { succeeded, failed }: BulkOutcomes,
  most: number,
): StoredBulk["recent"] {
  const ended = before.ended + succeeded + failed;
  const both = { ended, failed: before.failed + failed };
  if (ended <= most) return both;
  const share = most / 2 / ended;
  return { ended: Math.round(ended * share), failed: Math.round(both.failed * share) };
}
