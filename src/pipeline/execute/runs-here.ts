import type { ClaimedRuns } from "../../postgres/runs.ts";

/** Runs that are carried out in the process that made them: they need no job and no claim. */
export interface RunsHere {
  /**
   * How many it would take now. None while jobs are in hand here: others may wait behind them, and would be passed by.
   */
  room(): number;
  /** How long they are claimed for, ms. */
  leaseMs: number;
  /** Takes claimed runs. If they cannot even be prepared, they come again when their leases have ended. */
  begin(claimed: ClaimedRuns): void;
  /** Resolves when those in hand have ended. */
  emptied(): Promise<void>;
}

export function createRunsHere(deps: {
  carryOut: (claimed: ClaimedRuns) => Promise<void>;
  /** Whether this process has jobs in hand. */
  hasJobs: () => boolean;
  /** Runs that this process is executing. */
  underWay: () => number;
  /** So many may be under way. Those of a batch that was on its way when room was measured may come on top. */
  limits: { maxRunsHere: number; leaseMs: number };
  onError: (error: unknown) => void;
}): RunsHere {
  const { carryOut, hasJobs, underWay, limits, onError } = deps;
  const inHand = new Set<Promise<void>>();
  return {
    room: () => (hasJobs() ? 0 : Math.max(0, limits.maxRunsHere - underWay())),
    leaseMs: limits.leaseMs,
    begin(claimed) {
      const batch = carryOut(claimed)
        .catch(onError)
        .finally(() => inHand.delete(batch));
      inHand.add(batch);
    },
    async emptied() {
      await Promise.all(inHand);
    },
  };
}
