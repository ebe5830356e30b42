import { HeadraceError } from "../../domain/errors.ts";
import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import {
  type EndedPoll,
  endPolls,
  giveBackPolls,
  renewPolls,
  type TakenPoll,
  takePolls,
} from "../../postgres/sources/schedules.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import {
  claimDue,
  type DueSource,
  type NewDue,
  POLL_SHARDS,
  releaseClaims,
  renewLeases,
} from "../../redis/poll-schedule.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import type { Step } from "../../runtime/loop.ts";
import type { PollOutcome, PollSource } from "./poll-outcome.ts";
import type { PollTurn, PollTurns } from "./poll-turns.ts";

export interface PollerBounds {
  /** Polls under way in this process, and how many more of those that somebody waits for. */
  concurrency: number;
  urgent: number;
  /** Sources of one tenant that are polled at once, by all pollers together. */
  maxPerTenant: number;
  /** How long a poll is this process's without a heartbeat, ms. */
  leaseMs: number;
  heartbeatMs: number;
  /** The wait between two looks at what others learned of limits that polls under way count against, ms. */
  followMs: number;
  /** The longest wait between two looks for what is due, ms. */
  idleMs: number;
}

export interface PollerDeps {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  bounds: PollerBounds;
  turns: PollTurns;
  pollSource: PollSource;
  /** Takes up what other pollers learned of the limits that this one's polls count against. */
  refreshLimits: (bounds: readonly string[]) => Promise<void>;
  monotonicMs: () => number;
  /** Called when a place becomes free. */
  onFree: () => void;
  /** Called when a poll ended because a store was away or full; it is polled anew when its lease ends. */
  onUnavailable: (error: unknown) => void;
  /** Called with what was not foreseen. */
  onError: (error: unknown) => void;
  /** Called when what came of a poll is written. */
  onPolled: (poll: TakenPoll, outcome: PollOutcome) => void;
}

export interface Poller {
  /** Takes up polls that are due, as far as there are places. */
  step: Step;
  /** Keeps the leases of polls under way, and ends those that are no longer this process's. */
  heartbeat: Step;
  /** Has polls under way stop where another process was told to. */
  followLimits: Step;
  /** Resolves when no poll is under way. */
  drained(): Promise<void>;
  /** Ends what is under way and gives it to the others. */
  handBack(): Promise<void>;
}

interface HeldPoll {
  poll: TakenPoll;
  turn: PollTurn;
  /** Of the claim in Redis. */
  token: string;
  /** Nothing is sent afterwards; by this process's monotonic clock, ms. */
  leaseEndsAt: number;
  abort: AbortController;
}

/** What the store cannot take is tried again after this time, ms, while the lease lasts. */
const RETRY_MS = 200;
/** One statement writes no more polls. */
const MAX_BATCH = 100;

export function createPoller(deps: PollerDeps): Poller {
  const { database, redis, keys, bounds, turns, pollSource, refreshLimits, monotonicMs, onFree, onPolled } =
    deps;
  const { concurrency, urgent, maxPerTenant, leaseMs, heartbeatMs, followMs, idleMs } = bounds;
  const held = new Set<HeldPoll>();
  let firstShard = 0;
  let onDrained: (() => void)[] = [];

  const batches = { maxItems: MAX_BATCH, inFlight: 2, maxWaiting: 10_000 };
  const full = () => new HeadraceError("store_unavailable", "Too many polls wait to be written");
  const endings = new Batcher<EndedPoll, number | undefined>(
    async (polls) => {
      const waits = await endPolls(database, polls);
      return polls.map(({ fence }) => waits.get(fence));
    },
    { ...batches, full },
  );
  const postponed = new Batcher<TakenPoll & { waitMs: number }, void>(
    async (polls) => {
      await giveBackPolls(database, polls);
      return polls.map(() => undefined);
    },
    { ...batches, full },
  );

  async function claim(): Promise<{ due: DueSource[]; nextMs: number }> {
    const due: DueSource[] = [];
    let nextMs = idleMs;
    firstShard += 1;
    for (let n = 0; n < POLL_SHARDS; n += 1) {
      const free = Math.max(0, concurrency - held.size - due.length);
      const urgentLimit = Math.max(0, concurrency + urgent - held.size - due.length);
      const shard = (firstShard + n) % POLL_SHARDS;
      const bounds = { shard, limit: Math.min(MAX_BATCH, free), urgentLimit, maxPerTenant, leaseMs };
      const claimed = await claimDue(redis, keys, bounds);
      due.push(...claimed.due);
      nextMs = Math.min(nextMs, claimed.nextMs ?? idleMs);
    }
    return { due, nextMs };
  }

  async function step(signal: AbortSignal): Promise<{ waitMs: number }> {
    const { due, nextMs } = await claim();
    // Where all places are taken, something may be due for long.
    if (due.length === 0) return { waitMs: held.size >= concurrency ? idleMs : Math.max(1, nextMs) };
    const tokens = new Map(due.map((one) => [nameOf(one), one.token]));
    const leaseEndsAt = monotonicMs() + leaseMs;
    const { taken, untaken } = await takePolls(database, due, leaseMs);
    failpoint("poll.taken");
    await release(untaken.map((one) => ({ ...one, token: tokens.get(nameOf(one)) ?? "" })));
    for (const poll of taken) {
      const token = tokens.get(nameOf(poll)) ?? "";
      const one = { poll, turn: turns.begin(poll), token, leaseEndsAt, abort: new AbortController() };
      held.add(one);
      void run(one).finally(() => {
        held.delete(one);
        one.turn.close();
        onFree();
        if (held.size > 0) return;
        for (const resolve of onDrained) resolve();
        onDrained = [];
      });
    }
    return { waitMs: signal.aborted || held.size >= concurrency ? idleMs : 0 };
  }

  /** One poll, from its admission to its next due time. What cannot be written is taken over when its lease ends. */
  async function run(one: HeldPoll): Promise<void> {
    const { poll, turn, abort } = one;
    try {
      const waitMs = await turn.admit();
      if (waitMs > 0) {
        await postponed.add({ ...poll, waitMs });
        return await release([{ ...poll, token: one.token, waitMs }]);
      }
      const { tenantId, source, fence, pollId, lateMs } = poll;
      const claim = { tenantId, source, fence, pollId, dueAtMs: Date.now() - lateMs };
      const outcome = await pollSource(claim, { admit: () => mayNotYet(one), signal: abort.signal });
      // It was taken away, or handed back: what came of it is no reason to wait.
      if (abort.signal.aborted) return;
      if (outcome === undefined) return await ask(one);
      failpoint("poll.ended");
      const ended = await turn.end(outcome);
      const nextMs = await whileHeld(one, () => endings.add(ended));
      if (nextMs === undefined) return;
      onPolled(poll, outcome);
      await release([{ ...poll, token: one.token, waitMs: nextMs }]);
    } catch (error) {
      // A store is away: the lease ends, and somebody polls anew.
      if (isUnavailable(error)) deps.onUnavailable(error);
      else deps.onError(error);
    }
  }

  /** How long the next request has to wait, ms: what another may have taken over sends nothing any more. */
  function mayNotYet(one: HeldPoll): number {
    if (one.abort.signal.aborted || monotonicMs() > one.leaseEndsAt) {
      one.abort.abort();
      return leaseMs;
    }
    return one.turn.heldMs();
  }

  /** The source is gone, or another's: whoever claims it next learns which, and nobody does for a moment. */
  async function ask({ poll, token }: HeldPoll): Promise<void> {
    await giveBackPolls(database, [{ ...poll, waitMs: RETRY_MS }]);
    await release([{ ...poll, token, waitMs: RETRY_MS }]);
  }

  async function whileHeld<Result>(one: HeldPoll, attempt: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (monotonicMs() > one.leaseEndsAt) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** What Redis does not take is found from PostgreSQL. */
  async function release(claims: readonly (NewDue & { token: string })[]): Promise<void> {
    if (claims.length > 0) await releaseClaims(redis, keys, claims, maxPerTenant).catch(() => {});
  }

  async function heartbeat(): Promise<{ waitMs: number }> {
    const all = [...held];
    if (all.length === 0) return { waitMs: heartbeatMs };
    const leaseEndsAt = monotonicMs() + leaseMs;
    const renewed = await renewPolls(
      database,
      all.map(({ poll }) => poll),
      leaseMs,
    );
    for (const one of all) {
      if (renewed.has(one.poll.fence)) one.leaseEndsAt = leaseEndsAt;
      else if (held.has(one)) one.abort.abort();
    }
    const tokens = await renewLeases(
      redis,
      keys,
      all.map(({ poll: { tenantId, source }, token }) => ({ tenantId, source, token })),
      leaseMs,
    );
    all.forEach((one, index) => {
      one.token = tokens[index] ?? one.token;
    });
    return { waitMs: heartbeatMs };
  }

  async function followLimits(): Promise<{ waitMs: number }> {
    await refreshLimits([...new Set([...held].map(({ turn }) => turn.limit))]);
    return { waitMs: followMs };
  }

  return {
    step,
    heartbeat,
    followLimits,
    drained: () => (held.size === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve))),
    async handBack() {
      const all = [...held];
      if (all.length === 0) return;
      for (const { abort } of all) abort.abort();
      await giveBackPolls(
        database,
        all.map(({ poll }) => ({ ...poll, waitMs: 0 })),
      );
      await release(all.map(({ poll, token }) => ({ ...poll, token, waitMs: 0 })));
    },
  };
}

function nameOf({ tenantId, source }: { tenantId: string; source: string }): string {
  return `${tenantId}/${source}`;
}
