import type { Queryable } from "../../postgres/core/database.ts";
import { extendLeases, releaseRuns } from "../../postgres/runs/runs.ts";
import type { Step } from "../../runtime/loop.ts";

/** What a run is held by. It is lost when the run was cancelled or another process got it, and at `handBack`. */
export interface Hold {
  readonly isLost: boolean;
  /** Aborted when it is lost. Made when it is first asked for: a run that ends at once needs none. */
  readonly signal: AbortSignal;
}

/** The runs that this process is executing. */
export interface HeldRuns {
  /** Holds a run until it is let go. */
  hold(run: { id: string; fence: number }): Hold;
  letGo(runId: string): void;
  /** One heartbeat: all leases are pushed ahead in one statement; who lost one is told by its signal. */
  heartbeat: Step;
  /** Aborts what is still held and hands it back: due at once, for any worker. */
  handBack(): Promise<void>;
  /** Resolves when nothing is held any more. */
  emptied(): Promise<void>;
  readonly size: number;
}

export function createHeldRuns(
  database: Queryable,
  { leaseMs, heartbeatMs }: { leaseMs: number; heartbeatMs: number },
): HeldRuns {
  const held = new Map<string, RunHold>();
  let onEmpty: (() => void)[] = [];
  return {
    hold(run) {
      const hold = new RunHold(run);
      held.set(run.id, hold);
      return hold;
    },
    letGo(runId) {
      held.delete(runId);
      if (held.size > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
    },
    async heartbeat() {
      const runs = [...held.values()];
      if (runs.length > 0) {
        const kept = await extendLeases(database, runs, leaseMs);
        for (const run of runs) {
          if (!kept.has(run.id) && held.get(run.id) === run)
            run.lose(new Error("The run was cancelled, or another worker holds it"));
        }
      }
      return { waitMs: heartbeatMs };
    },
    async handBack() {
      const runs = [...held.values()];
      if (runs.length === 0) return;
      for (const run of runs) run.lose(new Error("The worker is stopping"));
      await releaseRuns(database, runs);
    },
    emptied() {
      return held.size === 0 ? Promise.resolve() : new Promise((resolve) => onEmpty.push(resolve));
    },
    get size() {
      return held.size;
    },
  };
}

class RunHold implements Hold {
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
