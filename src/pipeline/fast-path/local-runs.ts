import type { LocalExecutor, LocalRuns, PlannedRun } from "./fast-path.ts";

/** Capacity that tenants share. */
export interface SharedPool {
  /** Takes up to `want` for a tenant and returns the number taken. */
  take(tenantId: string, want: number): number;
  release(tenantId: string, count: number): void;
}

/** Starts runs in the process that made them (docs/decisions/021-runs-where-they-are-made.md). */
export function createLocalRuns(deps: {
  /** Bounds the local runs under way, and each tenant's share of them. */
  pool: SharedPool;
  /** The lease of a run that is claimed to start locally. */
  leaseMs: number;
  onError: (error: unknown) => void;
}): LocalRuns {
  const { pool, leaseMs, onError } = deps;
  const underWay = new Set<Promise<void>>();
  let executor: LocalExecutor | undefined;

  function reserve(to: LocalExecutor, run: PlannedRun): boolean {
    if (pool.take(run.tenantId, 1) === 0) return false;
    if (to.reserve(run)) return true;
    pool.release(run.tenantId, 1);
    return false;
  }

  function cancel(to: LocalExecutor, runs: readonly PlannedRun[]): void {
    for (const run of runs) {
      to.cancel(run);
      pool.release(run.tenantId, 1);
    }
  }

  function start(to: LocalExecutor, claimed: Parameters<LocalExecutor["start"]>[0]): void {
    const batch = to
      .start(claimed, ({ tenantId }) => pool.release(tenantId, 1))
      .catch(onError)
      .finally(() => underWay.delete(batch));
    underWay.add(batch);
  }

  return {
    serve(by) {
      executor = by;
    },
    capacity(runs) {
      const to = executor;
      if (to === undefined || to.hasJobs()) return NO_CAPACITY;
      const reserved = runs.filter((run) => reserve(to, run));
      return {
        runIds: new Set(reserved.map((run) => run.id)),
        leaseMs,
        start(claimed) {
          const ids = new Set(claimed.runs.map((run) => run.id));
          cancel(
            to,
            reserved.filter((run) => !ids.has(run.id)),
          );
          if (ids.size > 0) start(to, claimed);
        },
        cancel: () => cancel(to, reserved),
      };
    },
    async drained() {
      await Promise.all(underWay);
    },
  };
}

const NO_CAPACITY = { runIds: new Set<string>(), leaseMs: 0, start() {}, cancel() {} };
