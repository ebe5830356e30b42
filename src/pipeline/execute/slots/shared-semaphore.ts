import { delay } from "../../../runtime/delay.ts";
import type { Step } from "../../../runtime/loop.ts";

export interface SharedSemaphoreBounds {
  /** The interval in which a process states its share, ms. */
  statedMs: number;
  /** How long a stated share counts, ms. The share of a lost process ends after this time. */
  ttlMs: number;
  /** Permits taken beyond the need while less than half of the bound is used, so that Redis is called less often. */
  spare: number;
  /** Near the bound, the time after which unused permits are given up, ms. */
  settleMs: number;
  /** How long each process counts alone after a failed call to Redis, ms. */
  aloneMs: number;
  /** The shortest and the longest wait proposed to a caller that gets no permit, ms. */
  minDelayMs: number;
  maxDelayMs: number;
}

/** States a share of a count and takes up to `want` more, within the bound. */
export type TakeShare = (
  key: string,
  share: { mine: number; want: number; bound: number },
) => Promise<{ taken: number; others: number }>;

/**
 * A semaphore per key, over all processes. Each process has a share of the permits and hands them out itself: far from
 * the bound it calls Redis once in a while, near the bound for every permit. No bound is exceeded while Redis keeps its
 * data. After a loss all shares are stated again within `statedMs`. While Redis is away, each process applies the bound
 * alone.
 */
export interface SharedSemaphore {
  /** Takes a permit, or proposes a wait, which grows with the number of callers that got none. */
  acquire(key: string, bound: number): Promise<Permit>;
  /** Releases a permit. `usedMs` is how long it was used; undefined if it was not. */
  release(key: string, usedMs: number | undefined): void;
  /** States the shares of this process once. */
  state: Step;
}

export type Permit = { kind: "entered" } | { kind: "full"; delayMs: number };

interface Share {
  bound: number;
  used: number;
  /** Permits of this process, used or not. */
  mine: number;
  /** Permits of the other processes, as of the last call. */
  others: number;
  /** True while a call is under way. There is one at a time, so that none states outdated numbers. */
  calling: boolean;
  waiting: ((permit: Permit) => void)[];
  settling: boolean;
  /** Running mean of the time that a permit is used, ms. */
  meanMs: number;
  /** The time until which the permits are promised to callers that wait. */
  tailMs: number;
  /** The last time that a permit was taken or released. */
  changedMs: number;
}

export function createSharedSemaphore(deps: {
  takeShare: TakeShare;
  bounds: SharedSemaphoreBounds;
  monotonicMs: () => number;
}): SharedSemaphore {
  const { takeShare, bounds, monotonicMs } = deps;
  const shares = new Map<string, Share>();
  let aloneUntil = Number.NEGATIVE_INFINITY;

  /** Calls Redis for permits until no caller waits. */
  async function call(key: string, share: Share): Promise<void> {
    share.calling = true;
    // Callers of the same turn share a call.
    await Promise.resolve();
    while (share.waiting.length > 0) {
      const waiting = share.waiting.splice(0);
      const needed = waiting.length - (share.mine - share.used);
      if (needed > 0) await take(key, share, needed);
      for (const resolve of waiting) resolve(permitOf(share));
    }
    share.calling = false;
  }

  async function take(key: string, share: Share, needed: number): Promise<void> {
    const isFar = (share.others + share.mine + needed) * 2 < share.bound;
    const stated = { mine: share.mine, want: needed + (isFar ? bounds.spare : 0), bound: share.bound };
    try {
      if (monotonicMs() < aloneUntil) throw new Error("Redis did not answer a moment ago");
      const { taken, others } = await takeShare(key, stated);
      share.mine += taken;
      share.others = others;
    } catch {
      if (monotonicMs() >= aloneUntil) aloneUntil = monotonicMs() + bounds.aloneMs;
      share.mine = Math.min(share.bound, share.mine + needed);
    }
  }

  function permitOf(share: Share): Permit {
    const nowMs = monotonicMs();
    if (share.used < share.mine) {
      share.used += 1;
      share.changedMs = nowMs;
      return ENTERED;
    }
    // If no permit was released for a long time, expect the same again.
    const unchangedMs = nowMs - share.changedMs;
    share.tailMs =
      Math.max(share.tailMs, nowMs + Math.max(bounds.minDelayMs, unchangedMs)) +
      Math.max(share.meanMs, unchangedMs) / share.bound;
    return { kind: "full", delayMs: Math.min(bounds.maxDelayMs, share.tailMs - nowMs) };
  }

  /** Gives up unused permits. Callers that come meanwhile wait for the call to end. */
  async function giveUp(key: string, share: Share): Promise<void> {
    if (share.calling) return;
    share.calling = true;
    share.mine = share.used;
    if (share.used === 0) shares.delete(key);
    const stated = { mine: share.mine, want: 0, bound: share.bound };
    const result = await takeShare(key, stated).catch(() => undefined);
    share.others = result?.others ?? share.others;
    await call(key, share);
  }

  return {
    async acquire(key, bound) {
      const share = shares.get(key) ?? newShare(bound, monotonicMs());
      shares.set(key, share);
      if (share.used < share.mine && share.waiting.length === 0) return permitOf(share);
      return await new Promise((resolve) => {
        share.waiting.push(resolve);
        if (!share.calling) void call(key, share);
      });
    },
    release(key, usedMs) {
      const share = shares.get(key);
      if (share === undefined) return;
      share.used -= 1;
      share.changedMs = monotonicMs();
      if (usedMs !== undefined) share.meanMs += (usedMs - share.meanMs) * SMOOTHING;
      if ((share.others + share.mine) * 2 < share.bound || share.settling) return;
      share.settling = true;
      void delay(bounds.settleMs, { ref: false }).then(() => {
        share.settling = false;
        if (share.mine > share.used && shares.get(key) === share) void giveUp(key, share);
      });
    },
    async state() {
      await Promise.all([...shares].map(([key, share]) => giveUp(key, share)));
      return { waitMs: bounds.statedMs };
    },
  };
}

const ENTERED: Permit = { kind: "entered" };

/** Weight of one use in the running mean. */
const SMOOTHING = 0.1;

function newShare(bound: number, nowMs: number): Share {
  return {
    bound,
    used: 0,
    mine: 0,
    others: 0,
    calling: false,
    waiting: [],
    settling: false,
    meanMs: 100,
    tailMs: Number.NEGATIVE_INFINITY,
    changedMs: nowMs,
  };
}
