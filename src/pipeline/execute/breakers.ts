import type { Held } from "../../domain/flow/outcome.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import {
  type BreakerThresholds,
  loadWatchedTargets,
  reportTargets,
  type TargetReport,
  takeProbe,
  type WatchedTarget,
} from "../../postgres/runs/circuit-breakers.ts";
import { Batcher } from "../../runtime/batcher.ts";

export interface BreakerBounds extends BreakerThresholds {
  /** Targets that this process watches; open ones take precedence. */
  maxWatched: number;
  /** Held runs of a breaker that come due per second, and are held again while it is open. */
  heldPerSecond: number;
  /** How long a run is held if the query for a probe fails, ms. */
  unknownMs: number;
}

export interface Target {
  tenantId: string;
  /** Scheme, host and port. */
  target: string;
}

/** The result of a call as far as the breaker is concerned: the target was reached, or it failed. */
export type TargetResult =
  | { kind: "reached" }
  | { kind: "failed"; error: string; isTimeout: boolean; retryAfterMs: number | undefined };

/**
 * The circuit breakers of targets, one per tenant and origin. They are in PostgreSQL, and every process obeys them: a
 * change raises a counter that each claim returns. A target that never failed costs one map lookup.
 */
export interface Breakers {
  /** Loads the breakers again if the counter returned by a claim is newer than the loaded ones. */
  prepare(breakersCounter: number): Promise<void>;
  /** Returns undefined if the target may be called, perhaps as a probe; otherwise how long the run is held. */
  check(target: Target): Promise<Held | undefined>;
  /** Reports the result of a call. Never rejects; resolves when the report is written. */
  report(target: Target, result: TargetResult, tookMs: number): Promise<void>;
}

interface EndedCall extends Target {
  result: TargetResult;
  tookMs: number;
}

interface Watched {
  state: WatchedTarget["state"];
  /** When a run may probe it. */
  probeAtMs: number;
  watchedUntilMs: number;
  /** Runs held since the last news of it. */
  held: number;
}

export function createBreakers(deps: {
  database: Queryable;
  bounds: BreakerBounds;
  monotonicMs: () => number;
  random: () => number;
  onOpened: (target: Target) => void;
  /** Called when its held runs may resume. */
  onClosed: (target: Target) => void;
  onError: (error: unknown) => void;
}): Breakers {
  const { database, bounds, monotonicMs, random } = deps;
  let watched = new Map<string, Watched>();
  let knownAt = 0;
  let loading: { counter: number; done: Promise<void> } | undefined;

  const reports = new Batcher<EndedCall, void>(
    async (batch) => {
      const targets = await reportTargets(database, summed(batch), bounds);
      for (const target of targets) {
        keep(target);
        if (target.hasOpened) deps.onOpened(target);
        if (target.hasClosed) deps.onClosed(target);
      }
      return batch.map(() => undefined);
    },
    { maxItems: 128, inFlight: 1, maxWaiting: Number.POSITIVE_INFINITY, full: () => new Error("never") },
  );

  function keep(target: WatchedTarget): void {
    const nowMs = monotonicMs();
    watched.set(nameOf(target), {
      state: target.state,
      probeAtMs: nowMs + target.probeInMs,
      watchedUntilMs: nowMs + target.watchedForMs,
      held: 0,
    });
  }

  async function load(counter: number): Promise<void> {
    const { watchedMs, maxWatched: limit } = bounds;
    const targets = await loadWatchedTargets(database, { watchedMs, limit });
    watched = new Map();
    for (const target of targets) keep(target);
    knownAt = Math.max(knownAt, counter);
  }

  function hold({ target }: Target, known: Watched): Held {
    const waitMs = Math.max(known.probeAtMs - monotonicMs(), 0);
    // Spread out: the first run probes, and a success wakes the others.
    const behindMs = Math.min((known.held * 1_000) / bounds.heldPerSecond, bounds.maxOpenMs);
    const delayMs = waitMs + 50 + random() * Math.max(waitMs / 10, 100) + behindMs;
    known.held += 1;
    return { kind: "held", reason: heldByBreaker(target), delayMs };
  }

  async function probe(target: Target, known: Watched): Promise<Held | undefined> {
    // Keeps other runs of this process from probing meanwhile.
    known.probeAtMs = monotonicMs() + bounds.unknownMs;
    try {
      const { isMine, known: now } = await takeProbe(database, target, bounds.probeMs);
      if (now !== undefined) keep(now);
      else watched.delete(nameOf(target));
      const current = watched.get(nameOf(target));
      return isMine || current === undefined || current.state === "closed"
        ? undefined
        : hold(target, current);
    } catch (error) {
      deps.onError(error);
      return hold(target, known);
    }
  }

  return {
    async prepare(counter) {
      while (counter > knownAt) {
        if (loading === undefined || loading.counter < counter) {
          // One load at a time: an older result must not replace a newer one.
          const before = loading?.done.catch(() => {}) ?? Promise.resolve();
          loading = { counter, done: before.then(() => load(counter)) };
        }
        const { done } = loading;
        await done.finally(() => {
          if (loading?.done === done) loading = undefined;
        });
      }
    },
    async check(target) {
      const known = watched.get(nameOf(target));
      if (known === undefined || known.state === "closed") return undefined;
      return known.probeAtMs > monotonicMs() ? hold(target, known) : await probe(target, known);
    },
    async report(target, result, tookMs) {
      if (result.kind === "reached") {
        const known = watched.get(nameOf(target));
        if (known === undefined) return;
        if (known.state === "closed" && known.watchedUntilMs < monotonicMs()) {
          watched.delete(nameOf(target));
          return;
        }
      }
      await reports.add({ ...target, result, tookMs }).catch(deps.onError);
    },
  };
}

/** Returns the `held_reason` of a run whose target's breaker is open. */
export function heldByBreaker(target: string): string {
  return `circuit_open ${target}`;
}

/** Sums calls, in the order in which they ended, to one report per target. Pure. */
function summed(calls: readonly EndedCall[]): TargetReport[] {
  const reports = new Map<string, TargetReport>();
  for (const { tenantId, target, result, tookMs } of calls) {
    const name = nameOf({ tenantId, target });
    const before = reports.get(name) ?? {
      tenantId,
      target,
      reached: false,
      lastError: undefined,
      ...NO_FAILURES,
    };
    reports.set(
      name,
      result.kind === "reached"
        ? { ...before, reached: true, ...NO_FAILURES }
        : {
            ...before,
            failures: before.failures + 1,
            timeouts: before.timeouts + (result.isTimeout ? 1 : 0),
            tookMs: before.failures === 0 ? tookMs : before.tookMs,
            lastError: result.error,
            retryAfterMs: Math.max(before.retryAfterMs, result.retryAfterMs ?? 0),
          },
    );
  }
  return [...reports.values()];
}

const NO_FAILURES = { failures: 0, timeouts: 0, tookMs: 0, retryAfterMs: 0 };

function nameOf({ tenantId, target }: Target): string {
  return `${tenantId} ${target}`;
}
