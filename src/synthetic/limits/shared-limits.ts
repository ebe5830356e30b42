import { hash } from "node:crypto";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { type PollBucket, readLimits, replaceLimit, takeFromBucket } from "../../redis/poll-limits.ts";
import {
  admitUnderLimit,
  heldFor,
  holdLimit,
  type Limit,
  limitsOf,
  observeLimit,
  readLimit,
  withdrawRequests,
  writeLimit,
} from "../policy/limiter.ts";
import type { Fleet, Observation } from "../policy/shapes.ts";

/** The limits of providers and the budget of requests, as all pollers of an installation know them together. */
export interface SharedRateLimits {
  /** Seconds to wait before `cost` requests may be sent; 0 to send them now: then they are counted everywhere. */
  admit(poll: LimitedPoll, nowS: number): Promise<number>;
  /** Learns from a poll that was admitted, for all. */
  observe(poll: LimitedPoll, observation: Observation): Promise<void>;
  /** Resolves when one more request of an admitted poll fits into what its connector is configured to send. */
  pace(poll: LimitedPoll, signal: AbortSignal): Promise<void>;
  /** The provider said so a moment ago: nobody sends anything for so long, s. */
  hold(limit: string, forS: number, nowS: number): Promise<void>;
  /** Nothing is sent under this limit for so long, s, by what this process knows. For between two requests. */
  heldFor(limit: string, nowS: number): number;
  /** Takes up what other processes learned of these limits. */
  refresh(bounds: readonly string[]): Promise<void>;
}

export interface LimitedPoll {
  /** Whose limit it is, as the policy names it. */
  limit: string;
  cost: number;
  /** As the connector is configured. */
  rateLimit: { requests: number; per_seconds: number } | undefined;
}

export interface SharedLimitsDeps {
  redis: RedisClient;
  keys: RedisKeys;
  /** Whose `shared` holds what this process knows: it goes on with that while Redis is away. */
  fleet: Fleet;
  /** Told how many requests the budget has left. */
  onBudget: (tokens: number) => void;
}

/** Other processes may be faster to write what they learned: one of them succeeds each time. */
const MAX_TRIES = 100;
/** What was learned of a limit is forgotten after this time without a poll, ms. */
const KEPT_MS = 86_400_000;

export function createSharedRateLimits({ redis, keys, fleet, onBudget }: SharedLimitsDeps): SharedRateLimits {
  const known = limitsOf(fleet);
  const turns = new Map<string, Promise<void>>();

  /** Applies a change to the newest that anybody knows of a limit. */
  async function change<Result>(key: string, apply: (scratch: Fleet) => Result): Promise<Result> {
    const digest = hash("sha256", key).slice(0, 32);
    for (let tries = 1; ; tries += 1) {
      const [read] = await readLimits(redis, keys, [digest]);
      const bounds = new Map<string, Limit>();
      if (read !== undefined) bounds.set(key, readLimit(read));
      const result = apply({ ...fleet, shared: { bounds } });
      const changed = bounds.get(key);
      if (changed === undefined) return result;
      const text = writeLimit(changed);
      if (!(await replaceLimit(redis, keys, { digest, read, text, ttlMs: KEPT_MS }))) {
        if (tries < MAX_TRIES) continue;
        throw new Error(`The limit ${digest} was changed by others ${MAX_TRIES} times`);
      }
      known.set(key, changed);
      return result;
    }
  }

  /** Polls of this process take turns, so that each is against those of other processes alone. */
  async function changeOrGoOn<Result>(key: string, apply: (scratch: Fleet) => Result): Promise<Result> {
    const own = (turns.get(key) ?? Promise.resolve()).then(() => change(key, apply));
    const ended = own.then(
      () => {},
      () => {},
    );
    turns.set(key, ended);
    try {
      return await own;
    } catch {
      return apply(fleet);
    } finally {
      if (turns.get(key) === ended) turns.delete(key);
    }
  }

  return {
    async admit({ limit, cost, rateLimit }, nowS) {
      const waitS = await changeOrGoOn(limit, (scratch) => admitUnderLimit(scratch, limit, cost, nowS));
      if (waitS > 0) return waitS;
      const waitMs = await takeTokens(limit, cost, rateLimit);
      if (waitMs === 0) return 0;
      await changeOrGoOn(limit, (scratch) => withdrawRequests(scratch, limit, cost));
      return waitMs / 1_000;
    },
    async pace({ limit, rateLimit }, signal) {
      if (rateLimit === undefined) return;
      for (;;) {
        const { waitMs } = await takeFromBucket(redis, bucketOf(limit, rateLimit), 1).catch(() => FREE);
        if (waitMs === 0 || signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, LONGEST_PACE_MS)));
      }
    },
    async hold(limit, forS, nowS) {
      await changeOrGoOn(limit, (scratch) => holdLimit(scratch, limit, nowS + forS));
    },
    async observe({ limit, cost }, observation) {
      await changeOrGoOn(limit, (scratch) => observeLimit(scratch, limit, cost, observation));
    },
    heldFor: (limit, nowS) => heldFor(known.get(limit), nowS),
    async refresh(bounds) {
      const digests = bounds.map((limit) => hash("sha256", limit).slice(0, 32));
      const texts = await readLimits(redis, keys, digests);
      bounds.forEach((limit, index) => {
        const text = texts[index];
        if (text !== undefined) known.set(limit, readLimit(text));
      });
    },
  };

  /** How long the poll has to wait for the budget, and for its first request to fit, ms. */
  async function takeTokens(
    limit: string,
    cost: number,
    rateLimit: LimitedPoll["rateLimit"],
  ): Promise<number> {
    try {
      const { rate, burst } = fleet.budget;
      const first =
        rateLimit === undefined ? FREE : await takeFromBucket(redis, bucketOf(limit, rateLimit), 1);
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
    // A tenth may come at once, the rest is spread: no window of the provider's sees more than it lets through.
    const burst = Math.max(1, requests / 10);
    const perSecond = Math.max(requests - burst, requests / 2) / per_seconds;
    return { key: keys.pollBucket(hash("sha256", limit).slice(0, 32)), perSecond, burst };
  }
}

const FREE = { waitMs: 0 };
/** A poll that is given up is not waited for any longer, ms. */
const LONGEST_PACE_MS = 1_000;
