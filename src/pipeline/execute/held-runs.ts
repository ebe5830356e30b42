import type { Queryable } from "../../postgres/database.ts";
import { extendLeases, releaseRuns } from "../../postgres/runs.ts";
import type { Step } from "../../runtime/loop.ts";

/** The runs that this process is executing. */
export interface HeldRuns {
  /** Holds a run until it is let go; the signal is aborted when it was cancelled or another process got it, or at `handBack`. */
  hold(run: { id: string; fence: number }): AbortSignal;
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
  const held = new Map<string, { id: string; fence: number; abort: AbortController }>();
  let onEmpty: (() => void)[] = [];
  return {
    hold(run) {
      const abort = new AbortController();
      held.set(run.id, { ...run, abort });
      return abort.signal;
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
            run.abort.abort(new Error("The run was cancelled, or another worker holds it"));
        }
      }
      return { waitMs: heartbeatMs };
    },
    async handBack() {
      const runs = [...held.values()];
      if (runs.length === 0) return;
      for (const run of runs) run.abort.abort(new Error("The worker is stopping"));
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
