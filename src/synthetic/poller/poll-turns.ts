import { readBusinessHours } from "../../domain/source.ts";
import type { EndedPoll, TakenPoll } from "../../postgres/sources/schedules.ts";
import type { AdaptivePolicy, PolicyState } from "../policy/policy.ts";
import type { Fleet, Observation, PollPair } from "../policy/poll-policy.ts";
import { adoptDemand } from "../policy/price.ts";
import type { PollOutcome } from "../poll/poll-outcome.ts";
import type { LimitedPoll, SharedRateLimits } from "../rate-limits/shared-rate-limits.ts";

/** Applies the policy to polls: admits each one and decides when the next one is due. */
export interface PollTurns {
  begin(poll: TakenPoll): PollTurn;
  /** Returns the rate limit of a running poll; undefined if the source is not being polled. */
  limited(source: { tenantId: string; source: string }): LimitedPoll | undefined;
  /** Replaces the local sums of sources and demand with those of the installation. */
  adopt(all: { sources: number; demand: number; known: number }): void;
}

/** The admission and result of one poll. */
export interface PollTurn {
  /** Returns 0 and counts the poll's requests if it may start; otherwise returns the wait in ms. */
  admit(): Promise<number>;
  /** Returns how long the next request has to wait, ms. */
  heldMs(): number;
  /** The key of the rate limit, from `PolicyState`. */
  limit: string;
  /** Updates the policy with the outcome; returns the row that schedules the next poll. */
  end(outcome: PollOutcome): Promise<EndedPoll>;
  /** Marks the poll as no longer running. */
  close(): void;
}

/** Inputs of the poll turns. */
export interface PollTurnsDeps {
  policy: AdaptivePolicy;
  fleet: Fleet & { pairs: number };
  rateLimits: SharedRateLimits;
  /** This process's clock, Unix ms. */
  now: () => number;
}

/** Returns the poll turns of a process. */
export function createPollTurns({ policy, fleet, rateLimits, now }: PollTurnsDeps): PollTurns {
  const running = new Map<string, LimitedPoll>();
  return {
    limited: ({ tenantId, source }) => running.get(`${tenantId}/${source}`),
    adopt({ sources, demand, known }) {
      fleet.pairs = sources;
      adoptDemand(fleet, { demand, pairs: known });
    },
    begin(poll) {
      const { connector, limiter, rateLimit } = poll;
      const own = {
        ...fleet,
        connectors: [{ name: connector, shared: limiter === "*", sendsHeaders: false }],
      };
      const stored = (poll.policyState ?? undefined) as PolicyState | undefined;
      const pair = pairOf(poll, stored?.pair);
      const state = stored === undefined ? policy.init(pair, own) : policy.resume(stored, pair, own);
      const limited = { limit: state.limit, cost: pair.cost, rateLimit };
      running.set(pair.id, limited);
      return {
        close: () => void running.delete(pair.id),
        limit: state.limit,
        admit: async () => 1_000 * (await rateLimits.admit(limited, now() / 1_000)),
        heldMs: () => Math.ceil(1_000 * rateLimits.heldFor(state.limit, now() / 1_000)),
        async end(outcome) {
          const observation = observationOf(poll, outcome, now());
          if (outcome.complete) state.pair = pairOf(poll, sizeOf(outcome));
          const waitS = policy.next(state, observation, own);
          await rateLimits.observe(limited, observation);
          return endedPoll({
            poll,
            outcome,
            observation,
            state,
            waitMs: waitS * 1_000,
            reasons: policy.explain(state),
          });
        },
      };
    },
  };
}

type Size = Pick<PollPair, "records" | "cost">;

function sizeOf({ records, requests }: PollOutcome): Size {
  return { records, cost: Math.max(1, requests) };
}

function pairOf(poll: TakenPoll, { records, cost }: Size = { records: 0, cost: 1 }): PollPair {
  const { tenantId, source, connector, entity, definition } = poll;
  const hours =
    definition.business_hours === undefined ? undefined : readBusinessHours(definition.business_hours);
  return {
    id: `${tenantId}/${source}`,
    tenant: tenantId,
    connector,
    entity,
    records,
    cost,
    tz: hours?.timezone ?? "UTC",
    baseInterval: definition.base_interval_seconds,
    minInterval: definition.min_interval_seconds,
    maxInterval: definition.max_interval_seconds,
    businessHours: hours,
  };
}

/** Converts an outcome for the policy. Incomplete readings count as failures, held deletions do not. */
function observationOf(poll: TakenPoll, outcome: PollOutcome, nowMs: number): Observation {
  const { created, updated, deleted, restored, status, notBeforeMs, rateLimit } = outcome;
  const isOk = status === "ok" || status === "held" || (status === "degraded" && outcome.error === undefined);
  const startedAt = outcome.startedAtMs / 1_000;
  return {
    now: nowMs / 1_000,
    scheduledAt: startedAt - poll.lateMs / 1_000,
    startedAt,
    kind: isOk ? "ok" : status === "rate_limited" ? "rate_limited" : "error",
    changed: created + updated + deleted + restored,
    total: outcome.records,
    elapsed: poll.sinceOkMs === undefined || outcome.first ? null : poll.sinceOkMs / 1_000,
    retryAfter: notBeforeMs === undefined ? null : Math.max(0, (notBeforeMs - nowMs) / 1_000),
    rateLimit:
      rateLimit === undefined
        ? null
        : { limit: rateLimit.limit, remaining: rateLimit.remaining, reset: rateLimit.resetS },
    requests: outcome.requests,
    first: outcome.first,
  };
}

function endedPoll(turn: {
  poll: TakenPoll;
  outcome: PollOutcome;
  observation: Observation;
  state: PolicyState;
  waitMs: number;
  reasons: string[];
}): EndedPoll {
  const { poll, outcome, observation, state, waitMs, reasons } = turn;
  const { kind, retryAfter, now, startedAt } = observation;
  const heldMs = retryAfter === null ? undefined : retryAfter * 1_000;
  return {
    tenantId: poll.tenantId,
    source: poll.source,
    fence: poll.fence,
    pollId: poll.pollId,
    version: poll.version,
    connector: poll.connector,
    limiter: poll.limiter,
    waitMs,
    reasons,
    policyState: state,
    demand: state.demand.value,
    outcome: {
      id: outcome.id,
      status: outcome.status,
      finished_at: new Date(outcome.finishedAtMs).toISOString(),
      ...(outcome.error !== undefined && { error: outcome.error }),
    },
    failures: state.failures,
    okSinceMs: kind === "ok" ? Math.max(0, (now - startedAt) * 1_000) : undefined,
    heldMs: {
      limit: kind === "rate_limited" ? heldMs : undefined,
      source: kind === "error" ? heldMs : undefined,
    },
    rateLimit: outcome.rateLimit,
  };
}
