import { hash } from "node:crypto";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { type PollBucket, readLimits, replaceLimit, takeFromBucket } from "../../redis/poll-limits.ts";
import { delay } from "../../runtime/delay.ts";
import {
  admitUnderLimit,
  heldFor,
  holdLimit,
  observeLimit,
  type RateLimitState,
  rateLimitsOf,
  readRateLimitState,
  withdrawRequests,
  writeRateLimitState,
} from "../policy/limiter.ts";
import type { Fleet, Observation } from "../policy/poll-policy.ts";

/** The providers' rate limits and the request budget, shared by all pollers of an installation through Redis. */
export interface SharedRateLimits {
  /** Returns 0 and counts `cost` requests if they may be sent now; otherwise returns the seconds to wait. */
  admit(poll: LimitedPoll, nowS: number): Promise<number>;
  /** Updates the rate limit from the result of an admitted poll. */
  observe(poll: LimitedPoll, observation: Observation): Promise<void>;
  /** Resolves when the connector's configured rate allows one more request of an admitted poll. */
  pace(poll: LimitedPoll, signal: AbortSignal): Promise<void>;
  /** Stops all requests under this rate limit for `forS` seconds, as the provider demanded. */
  hold(limit: string, forS: number, nowS: number): Promise<void>;
  /** Returns the seconds until requests may be sent, from local state only. Called between two requests. */
  heldFor(limit: string, nowS: number): number;
  /** Reads the changes that other processes made to these rate limits. */
  refresh(limits: readonly string[]): Promise<void>;
}

/** A poll, as its rate limit sees it. */
export interface LimitedPoll {
  /** The key of the rate limit, from `PolicyState`. */
  limit: string;
  /** Requests that the poll is expected to send. */
  cost: number;
  /** The connector's configured rate. */
  rateLimit: { requests: number; per_seconds: number } | undefined;
}

/** Stores and local state of the shared rate limits. */
export interface SharedRateLimitsDeps {
  redis: RedisClient;
  keys: RedisKeys;
  /** Its `shared` holds this process's copy of the rate limits, which is used while Redis is unavailable. */
  fleet: Fleet;
  /** Called with the requests left in the budget. */
  onBudget: (tokens: number) => void;
}

/** Compare-and-set tries per change. Of the processes that write at once, one succeeds each time. */
const MAX_TRIES = 100;
/** How long the state of a rate limit is kept without a poll, ms. */
const RETENTION_MS = 86_400_000;

/** Returns the shared rate limits of a process. */
export function createSharedRateLimits({
  redis,
  keys,
  fleet,
  onBudget,
}: SharedRateLimitsDeps): SharedRateLimits {
  const local = rateLimitsOf(fleet);
  const lastChanges = new Map<string, Promise<void>>();

  return {
    async admit({ limit, cost, rateLimit }, nowS) {
      const waitS = await changeOrFallBack(limit, (scratch) => admitUnderLimit(scratch, limit, cost, nowS));
      if (waitS > 0) return waitS;
      const waitMs = await takeTokens(limit, cost, rateLimit);
      if (waitMs === 0) return 0;
      await changeOrFallBack(limit, (scratch) => withdrawRequests(scratch, limit, cost));
      return waitMs / 1_000;
    },
    async pace({ limit, rateLimit }, signal) {
      if (rateLimit === undefined) return;
      for (;;) {
        const { waitMs } = await takeFromBucket(redis, bucketOf(limit, rateLimit), 1).catch(() => NO_WAIT);
        if (waitMs === 0 || signal.aborted) return;
        await delay(Math.min(waitMs, MAX_PACE_SLEEP_MS));
      }
    },
    async hold(limit, forS, nowS) {
      await changeOrFallBack(limit, (scratch) => holdLimit(scratch, limit, nowS + forS));
    },
    async observe({ limit, cost }, observation) {
      await changeOrFallBack(limit, (scratch) => observeLimit(scratch, limit, cost, observation));
    },
    heldFor: (limit, nowS) => heldFor(local.get(limit), nowS),
    async refresh(limits) {
      const texts = await readLimits(redis, keys, limits.map(digestOf));
      limits.forEach((limit, index) => {
        const text = texts[index];
        if (text !== undefined) local.set(limit, readRateLimitState(text));
      });
    },
  };

  /**
   * Applies a change to the rate limit in Redis, or to the local copy if Redis fails. Changes of this process run one
   * after the other, so that they compete with other processes only.
   */
  async function changeOrFallBack<Result>(key: string, apply: (scratch: Fleet) => Result): Promise<Result> {
    const own = (lastChanges.get(key) ?? Promise.resolve()).then(() => change(key, apply));
    const settled = own.then(
      () => {},
      () => {},
    );
    lastChanges.set(key, settled);
    try {
      return await own;
    } catch {
      return apply(fleet);
    } finally {
      if (lastChanges.get(key) === settled) lastChanges.delete(key);
    }
  }

  /** Applies a change to the newest state in Redis with compare-and-set. */
  async function change<Result>(key: string, apply: (scratch: Fleet) => Result): Promise<Result> {
    const digest = digestOf(key);
    for (let tries = 1; ; tries += 1) {
      const [read] = await readLimits(redis, keys, [digest]);
      const scratch: Fleet = { ...fleet, shared: {} };
      const limits = rateLimitsOf(scratch);
      if (read !== undefined) limits.set(key, readRateLimitState(read));
      const result = apply(scratch);
      const changed: RateLimitState | undefined = limits.get(key);
      if (changed === undefined) return result;
      const text = writeRateLimitState(changed);
      if (!(await replaceLimit(redis, keys, { digest, read, text, ttlMs: RETENTION_MS }))) {
        if (tries < MAX_TRIES) continue;
        throw new Error(`Rate limit ${digest} was changed by other processes ${MAX_TRIES} times`);
      }
      local.set(key, changed);
      return result;
    }
  }

  /** Takes the poll's tokens from the budget and the connector's bucket; returns the wait in ms, 0 if taken. */
  async function takeTokens(
    limit: string,
    cost: number,
    rateLimit: LimitedPoll["rateLimit"],
  ): Promise<number> {
    try {
      const { rate, burst } = fleet.budget;
      const first =
        rateLimit === undefined ? NO_WAIT : await takeFromBucket(redis, bucketOf(limit, rateLimit), 1);
      if (first.waitMs > 0) return first.waitMs;
      const budget = { key: keys.pollBudget, perSecond: rate, burst };
      const { waitMs, left } = await takeFromBucket(redis, budget, cost);
      onBudget(left);
      return waitMs;
    } catch {
      return 0;
    }
  }

  function bucketOf(
    limit: string,
    { requests, per_seconds }: NonNullable<LimitedPoll["rateLimit"]>,
  ): PollBucket {
    // A tenth may be sent at once and the rest is spread, so that no window of the provider exceeds its limit.
    const burst = Math.max(1, requests / 10);
    const perSecond = Math.max(requests - burst, requests / 2) / per_seconds;
    return { key: keys.pollBucket(digestOf(limit)), perSecond, burst };
  }
}

function digestOf(limit: string): string {
  return hash("sha256", limit).slice(0, 32);
}

const NO_WAIT = { waitMs: 0 };
/** Longest sleep between two checks of the abort signal, ms. */
const MAX_PACE_SLEEP_MS = 1_000;
