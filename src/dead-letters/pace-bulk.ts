import type { BulkOutcomes, BulkState, StoredBulk } from "../postgres/dead-letters/bulk-replay.ts";

/** How a bulk replay goes about it. */
export interface BulkPace {
  /** How many go first, alone. */
  canary: number;
  /** More failures than this share of what ended lately end it, 0 to 1. */
  maxFailures: number;
  /** It is not ended by fewer outcomes than these, once the canary is over. */
  minOutcomes: number;
  /** Outcomes that count as late ones: beyond, what was before counts half. */
  recentOutcomes: number;
  /** The rate after the canary, replays a second; it doubles every `doubleMs` up to the rate that was asked for. */
  firstPerSecond: number;
  doubleMs: number;
  /** Replays that wait for a worker, or have one: more would stand before polled events in the last lane. */
  maxInFlight: number;
  /** Replays that begin in one transaction. */
  batchSize: number;
  /** How often a bulk replay goes on, ms. */
  stepMs: number;
}

/** What is done with a bulk replay now. */
export interface BulkStep {
  state: BulkState;
  reason: string | undefined;
  succeeded: number;
  failed: number;
  recent: { ended: number; failed: number };
  /** How many more begin now, at most. */
  take: number;
  /** When to go on, ms. */
  waitMs: number;
}

/**
 * Decides the next step of a bulk replay: a few go first, and when they ended well the rate rises from small to what
 * was asked for. It is aborted when too many of those that ended lately failed; a run that is yet to be tried again
 * counts as failing, so that slow retries do not hide what is wrong. Pure.
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
  // With nothing left to take there is nothing left to spare.
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
