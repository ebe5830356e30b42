import type { Queryable } from "../../postgres/core/database.ts";
import { extendLeases, releaseRuns } from "../../postgres/runs/runs.ts";
import type { Step } from "../../runtime/loop.ts";

/** The leases of the runs that this process executes. */
export interface RunLeases {
  /** Keeps the lease of a claimed run until it is released. */
  take(run: { id: string; fence: number }): RunLease;
  release(runId: string): void;
  /** Extends all leases in one statement. A lease that was lost aborts its signal. */
  heartbeat: Step;
  /** Aborts all runs and queues them again, due at once, for any worker. */
  requeue(): Promise<void>;
  /** Resolves when no lease is left. */
  drained(): Promise<void>;
  readonly size: number;
}

/** It is lost when the run was cancelled or claimed by another process, and at `requeue`. */
export interface RunLease {
  readonly isLost: boolean;
  /** Aborted when the lease is lost. Created on first use: most runs end without it. */
  readonly signal: AbortSignal;
}

export function createRunLeases(
  database: Queryable,
  { leaseMs, heartbeatMs }: { leaseMs: number; heartbeatMs: number },
): RunLeases {
  const leases = new Map<string, LocalLease>();
  let onDrained: (() => void)[] = [];
  return {
    take(run) {
      const lease = new LocalLease(run);
      leases.set(run.id, lease);
      return lease;
    },
    release(runId) {
      leases.delete(runId);
      if (leases.size > 0) return;
      for (const resolve of onDrained) resolve();
      onDrained = [];
    },
    async heartbeat() {
      const before = [...leases.values()];
      if (before.length > 0) {
        const extended = await extendLeases(database, before, leaseMs);
        for (const lease of before) {
          if (!extended.has(lease.id) && leases.get(lease.id) === lease)
            lease.lose(new Error("The run was cancelled, or another worker claimed it"));
        }
      }
      return { waitMs: heartbeatMs };
    },
    async requeue() {
      const left = [...leases.values()];
      if (left.length === 0) return;
      for (const lease of left) lease.lose(new Error("The worker is stopping"));
      await releaseRuns(database, left);
    },
    drained() {
      return leases.size === 0 ? Promise.resolve() : new Promise((resolve) => onDrained.push(resolve));
    },
    get size() {
      return leases.size;
    },
  };
}

class LocalLease implements RunLease {
  readonly id: string;
  readonly fence: number;
  #abort: AbortController | undefined;
  #lostBy: Error | undefined;

  constructor({ id, fence }: { id: string; fence: number }) {
    this.id = id;
    this.fence = fence;
  }

  get isLost(): boolean {
    return this.#lostBy !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#lostBy !== undefined) this.#abort.abort(this.#lostBy);
    }
    return this.#abort.signal;
  }

  lose(reason: Error): void {
    this.#lostBy ??= reason;
    this.#abort?.abort(this.#lostBy);
  }
}
