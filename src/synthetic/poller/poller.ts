import { HeadraceError } from "../../domain/errors.ts";
import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import {
  type EndedPoll,
  endPolls,
  releasePolls,
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
import { delay } from "../../runtime/delay.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import type { Step } from "../../runtime/loop.ts";
import type { PollOutcome, PollSource } from "../poll/poll-outcome.ts";
import type { PollTurn, PollTurns } from "./poll-turns.ts";

/** Concurrency and timing of a poller. */
export interface PollerBounds {
  /** Polls that run at once in this process. */
  concurrency: number;
  /** Additional polls that run at once for callers that wait for them. */
  urgent: number;
  /** Sources of one tenant that all pollers together poll at once. */
  maxPerTenant: number;
  /** How long a poll belongs to this process without a heartbeat, ms. */
  leaseMs: number;
  heartbeatMs: number;
  /** Interval between two reads of the rate limits that running polls count against, ms. */
  followMs: number;
  /** Longest wait between two searches for due sources, ms. */
  idleMs: number;
}

/** Stores and callbacks of a poller. */
export interface PollerDeps {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  bounds: PollerBounds;
  turns: PollTurns;
  pollSource: PollSource;
  /** Reads the changes that other pollers made to these rate limits. */
  refreshLimits: (limits: readonly string[]) => Promise<void>;
  monotonicMs: () => number;
  /** Called when a poll ended and another one can start. */
  onFree: () => void;
  /** Called when a store failed under a poll. The poll is repeated after its lease expires. */
  onUnavailable: (error: unknown) => void;
  /** Called with unexpected errors. */
  onError: (error: unknown) => void;
  /** Called when the outcome of a poll is stored. */
  onPolled: (poll: TakenPoll, outcome: PollOutcome) => void;
}

/** The loops of a process that polls sources. */
export interface Poller {
  /** Claims and starts due polls, up to the concurrency. */
  step: Step;
  /** Renews the leases of running polls, and aborts polls whose lease was lost. */
  heartbeat: Step;
  /** Reads the rate limits of running polls, so that they stop when another process was refused. */
  followLimits: Step;
  /** Resolves when no poll is running. */
  drained(): Promise<void>;
  /** Aborts the running polls and makes them due for other processes. */
  handBack(): Promise<void>;
}

/** A poll that this process executes. */
interface PollLease {
  poll: TakenPoll;
  turn: PollTurn;
  /** The token of the claim in Redis. */
  token: string;
  /** No request is sent after this time of the monotonic clock, ms. */
  leaseEndsAt: number;
  abort: AbortController;
}

/** Wait between two writes of an ended poll while the store fails and the lease lasts, ms. */
const RETRY_MS = 200;
/** Polls per statement. */
const MAX_BATCH = 100;

/** Returns a poller. Its steps must be run by loops. */
export function createPoller(deps: PollerDeps): Poller {
  const { database, redis, keys, bounds, turns, pollSource, refreshLimits, monotonicMs, onFree, onPolled } =
    deps;
  const { concurrency, urgent, maxPerTenant, leaseMs, heartbeatMs, followMs, idleMs } = bounds;
  const leases = new Set<PollLease>();
  let firstShard = 0;
  let onDrained: (() => void)[] = [];

  const batching = {
    maxItems: MAX_BATCH,
    inFlight: 2,
    maxWaiting: 10_000,
    full: () => new HeadraceError("store_unavailable", "Too many polls wait to be written"),
  };
  const endings = new Batcher<EndedPoll, number | undefined>(async (polls) => {
    const waits = await endPolls(database, polls);
    return polls.map(({ fence }) => waits.get(fence));
  }, batching);
  const postponed = new Batcher<TakenPoll & { waitMs: number }, void>(async (polls) => {
    await releasePolls(database, polls);
    return polls.map(() => undefined);
  }, batching);

  return {
    step,
    heartbeat,
    followLimits,
    drained: () =>
      leases.size === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve)),
    handBack,
  };

  async function step(signal: AbortSignal): Promise<{ waitMs: number }> {
    const { due, nextMs } = await claim();
    // At full concurrency nothing was claimed, so `nextMs` may have passed already.
    if (due.length === 0) return { waitMs: leases.size >= concurrency ? idleMs : Math.max(1, nextMs) };
    const tokens = new Map(due.map((one) => [nameOf(one), one.token]));
    const leaseEndsAt = monotonicMs() + leaseMs;
    const { taken, untaken } = await takePolls(database, due, leaseMs);
    failpoint("poll.taken");
    await releaseInRedis(untaken.map((one) => ({ ...one, token: tokens.get(nameOf(one)) ?? "" })));
    for (const poll of taken) {
      const token = tokens.get(nameOf(poll)) ?? "";
      const lease = { poll, turn: turns.begin(poll), token, leaseEndsAt, abort: new AbortController() };
      leases.add(lease);
      void run(lease).finally(() => {
        leases.delete(lease);
        lease.turn.close();
        onFree();
        if (leases.size > 0) return;
        for (const resolve of onDrained) resolve();
        onDrained = [];
      });
    }
    return { waitMs: signal.aborted || leases.size >= concurrency ? idleMs : 0 };
  }

  /** Claims due sources from all shards. Starts with another shard each time, so that none is starved. */
  async function claim(): Promise<{ due: DueSource[]; nextMs: number }> {
    const due: DueSource[] = [];
    let nextMs = idleMs;
    firstShard += 1;
    for (let n = 0; n < POLL_SHARDS; n += 1) {
      const free = Math.max(0, concurrency - leases.size - due.length);
      const claimed = await claimDue(redis, keys, {
        shard: (firstShard + n) % POLL_SHARDS,
        limit: Math.min(MAX_BATCH, free),
        urgentLimit: Math.max(0, concurrency + urgent - leases.size - due.length),
        maxPerTenant,
        leaseMs,
      });
      due.push(...claimed.due);
      nextMs = Math.min(nextMs, claimed.nextMs ?? idleMs);
    }
    return { due, nextMs };
  }

  /** Runs one poll from its admission to its next due time. If a write fails, the lease expires and others repeat it. */
  async function run(lease: PollLease): Promise<void> {
    const { poll, turn, abort } = lease;
    try {
      const waitMs = await turn.admit();
      if (waitMs > 0) {
        await postponed.add({ ...poll, waitMs });
        return await releaseInRedis([{ ...poll, token: lease.token, waitMs }]);
      }
      const { tenantId, source, fence, pollId, lateMs } = poll;
      const claim = { tenantId, source, fence, pollId, dueAtMs: Date.now() - lateMs };
      const outcome = await pollSource(claim, { admit: () => requestWaitMs(lease), signal: abort.signal });
      // The lease was lost or handed back, so the outcome must not delay the next poll.
      if (abort.signal.aborted) return;
      if (outcome === undefined) return await release(lease);
      failpoint("poll.ended");
      const ended = await turn.end(outcome);
      const nextMs = await retryWhileLeased(lease, () => endings.add(ended));
      if (nextMs === undefined) return;
      onPolled(poll, outcome);
      await releaseInRedis([{ ...poll, token: lease.token, waitMs: nextMs }]);
    } catch (error) {
      // After a store failure the lease expires, and a process polls the source again.
      if (isUnavailable(error)) deps.onUnavailable(error);
      else deps.onError(error);
    }
  }

  /** Returns how long the next request has to wait, ms. Aborts the poll if its lease expired. */
  function requestWaitMs(lease: PollLease): number {
    if (lease.abort.signal.aborted || monotonicMs() > lease.leaseEndsAt) {
      lease.abort.abort();
      return leaseMs;
    }
    return lease.turn.heldMs();
  }

  /** Releases a source that is gone or was claimed by another process. The next claim finds out which. */
  async function release({ poll, token }: PollLease): Promise<void> {
    await releasePolls(database, [{ ...poll, waitMs: RETRY_MS }]);
    await releaseInRedis([{ ...poll, token, waitMs: RETRY_MS }]);
  }

  async function retryWhileLeased<Result>(lease: PollLease, write: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (monotonicMs() > lease.leaseEndsAt) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  /** Ignores errors: the schedule watch restores lost entries from PostgreSQL. */
  async function releaseInRedis(claims: readonly (NewDue & { token: string })[]): Promise<void> {
    if (claims.length > 0) await releaseClaims(redis, keys, claims, maxPerTenant).catch(() => {});
  }

  async function heartbeat(): Promise<{ waitMs: number }> {
    const all = [...leases];
    if (all.length === 0) return { waitMs: heartbeatMs };
    const leaseEndsAt = monotonicMs() + leaseMs;
    const renewed = await renewPolls(
      database,
      all.map(({ poll }) => poll),
      leaseMs,
    );
    for (const lease of all) {
      if (renewed.has(lease.poll.fence)) lease.leaseEndsAt = leaseEndsAt;
      else if (leases.has(lease)) lease.abort.abort();
    }
    const tokens = await renewLeases(
      redis,
      keys,
      all.map(({ poll: { tenantId, source }, token }) => ({ tenantId, source, token })),
      leaseMs,
    );
    all.forEach((lease, index) => {
      lease.token = tokens[index] ?? lease.token;
    });
    return { waitMs: heartbeatMs };
  }

  async function followLimits(): Promise<{ waitMs: number }> {
    await refreshLimits([...new Set([...leases].map(({ turn }) => turn.limit))]);
    return { waitMs: followMs };
  }

  async function handBack(): Promise<void> {
    const all = [...leases];
    if (all.length === 0) return;
    for (const { abort } of all) abort.abort();
    await releasePolls(
      database,
      all.map(({ poll }) => ({ ...poll, waitMs: 0 })),
    );
    await releaseInRedis(all.map(({ poll, token }) => ({ ...poll, token, waitMs: 0 })));
  }
}

function nameOf({ tenantId, source }: { tenantId: string; source: string }): string {
  return `${tenantId}/${source}`;
}
