import { delay } from "../../../runtime/delay.ts";
import type { Step } from "../../../runtime/loop.ts";

export interface SharedSemaphoreBounds {
  /** How often a process states what it has, ms. */
  statedMs: number;
  /** For how long that counts, ms: a process that is gone gives its part up after this time. */
  ttlMs: number;
  /** While less than half is used over all processes, one takes this many more than it needs, and asks less often. */
  spare: number;
  /** Near the bound, what a process no longer needs is given up after this time, ms. */
  settleMs: number;
  /** After a Redis that did not answer, how long each process counts for itself, ms. */
  aloneMs: number;
  /** The shortest and the longest that a run is put off which finds no place, ms. */
  minDelayMs: number;
  maxDelayMs: number;
}

/** States a part of a shared count, and takes more within the bound. */
export type TakeShare = (
  key: string,
  share: { mine: number; want: number; bound: number },
) => Promise<{ taken: number; others: number }>;

/**
 * Bounds on what is under way at once, by key, over all processes. Each process holds a part of a bound and gives it
 * out itself, so that far from the bound it asks once in a while and not once a run; near it every place is asked for,
 * and given up at once. No bound is exceeded while Redis keeps what it is told; when Redis loses it, all parts are
 * known again within `statedMs`, and while it is away each process keeps the bound by itself.
 */
export interface SharedSemaphore {
  /** A place, or how long to be put off, ms: the longer, the more were put off before. */
  acquire(key: string, bound: number): Promise<Permit>;
  /** Gives a place back that was used for this time, ms; undefined where it was not. */
  release(key: string, usedMs: number | undefined): void;
  /** One statement of what this process has. */
  state: Step;
}

export type Permit = { kind: "entered" } | { kind: "full"; delayMs: number };

interface Part {
  bound: number;
  used: number;
  /** Places that are this process's, used or not. */
  mine: number;
  others: number;
  /** Whether a call is under way: one at a time, so that none states what is no longer so. */
  asking: boolean;
  waiting: ((place: Permit) => void)[];
  settling: boolean;
  /** How long a place is had, in the running mean, ms; and until when the places are spoken for. */
  meanMs: number;
  tailMs: number;
  /** When a place was last taken or given back. */
  changedMs: number;
}

export function createSharedSemaphore(deps: {
  takeShare: TakeShare;
  bounds: SharedSemaphoreBounds;
  monotonicMs: () => number;
}): SharedSemaphore {
  const { takeShare, bounds, monotonicMs } = deps;
  const parts = new Map<string, Part>();
  let aloneUntil = Number.NEGATIVE_INFINITY;

  /** Asks for what is waited for until nobody waits. */
  async function ask(key: string, part: Part): Promise<void> {
    part.asking = true;
    // What comes in the same turn is asked for together.
    await Promise.resolve();
    while (part.waiting.length > 0) {
      const waiting = part.waiting.splice(0);
      const needed = waiting.length - (part.mine - part.used);
      if (needed > 0) await take(key, part, needed);
      for (const answer of waiting) answer(placeIn(part));
    }
    part.asking = false;
  }

  async function take(key: string, part: Part, needed: number): Promise<void> {
    const isFar = (part.others + part.mine + needed) * 2 < part.bound;
    const share = { mine: part.mine, want: needed + (isFar ? bounds.spare : 0), bound: part.bound };
    try {
      if (monotonicMs() < aloneUntil) throw new Error("Redis did not answer a moment ago");
      const { taken, others } = await takeShare(key, share);
      part.mine += taken;
      part.others = others;
    } catch {
      if (monotonicMs() >= aloneUntil) aloneUntil = monotonicMs() + bounds.aloneMs;
      part.mine = Math.min(part.bound, part.mine + needed);
    }
  }

  function placeIn(part: Part): Permit {
    const nowMs = monotonicMs();
    if (part.used < part.mine) {
      part.used += 1;
      part.changedMs = nowMs;
      return ENTERED;
    }
    // Places that are all held for longer than ever will be for longer still.
    const heldMs = nowMs - part.changedMs;
    part.tailMs =
      Math.max(part.tailMs, nowMs + Math.max(bounds.minDelayMs, heldMs)) +
      Math.max(part.meanMs, heldMs) / part.bound;
    return { kind: "full", delayMs: Math.min(bounds.maxDelayMs, part.tailMs - nowMs) };
  }

  /** Gives up what is not used; a place that is asked for meanwhile waits for the answer. */
  async function giveUp(key: string, part: Part): Promise<void> {
    if (part.asking) return;
    part.asking = true;
    part.mine = part.used;
    if (part.used === 0) parts.delete(key);
    const share = { mine: part.mine, want: 0, bound: part.bound };
    const answer = await takeShare(key, share).catch(() => undefined);
    part.others = answer?.others ?? part.others;
    await ask(key, part);
  }

  return {
    async acquire(key, bound) {
      const part = parts.get(key) ?? newPart(bound, monotonicMs());
      parts.set(key, part);
      if (part.used < part.mine && part.waiting.length === 0) return placeIn(part);
      return await new Promise((resolve) => {
        part.waiting.push(resolve);
        if (!part.asking) void ask(key, part);
      });
    },
    release(key, usedMs) {
      const part = parts.get(key);
      if (part === undefined) return;
      part.used -= 1;
      part.changedMs = monotonicMs();
      if (usedMs !== undefined) part.meanMs += (usedMs - part.meanMs) * SMOOTHING;
      if ((part.others + part.mine) * 2 < part.bound || part.settling) return;
      part.settling = true;
      void delay(bounds.settleMs, { ref: false }).then(() => {
        part.settling = false;
        if (part.mine > part.used && parts.get(key) === part) void giveUp(key, part);
      });
    },
    async state() {
      await Promise.all([...parts].map(([key, part]) => giveUp(key, part)));
      return { waitMs: bounds.statedMs };
    },
  };
}

const ENTERED: Permit = { kind: "entered" };

/** The share of one run in the running mean. */
const SMOOTHING = 0.1;

function newPart(bound: number, nowMs: number): Part {
  return {
    bound,
    used: 0,
    mine: 0,
    others: 0,
    asking: false,
    waiting: [],
    settling: false,
    meanMs: 100,
    tailMs: Number.NEGATIVE_INFINITY,
    changedMs: nowMs,
  };
}
