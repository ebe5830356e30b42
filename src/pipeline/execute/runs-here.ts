import type { ClaimedRuns } from "../../postgres/runs/runs.ts";
import type { Admission, SlotUser } from "./slots/admission.ts";
import { createSlotPool } from "./slots/slot-pool.ts";

/** Runs that are carried out in the process that made them: they need no job and no claim. */
export interface RunsHere {
  /**
   * Keeps room for those of the runs that it would take now. It takes none while jobs are in hand here, and none of a
   * tenant whose runs wait for slots: they would be passed by.
   */
  reserve(runs: readonly SlotUser[]): Reservation;
  /** How long they are claimed for, ms. */
  leaseMs: number;
  /** Resolves when those in hand have ended. */
  emptied(): Promise<void>;
}

export interface Reservation {
  runIds: ReadonlySet<string>;
  /**
   * Takes those that were claimed, and gives up the room of the others. If they cannot even be prepared, they come again
   * when their leases have ended.
   */
  begin(claimed: ClaimedRuns): void;
  /** Gives up all of it: nothing was claimed. */
  cancel(): void;
}

export function createRunsHere(deps: {
  admission: Pick<Admission, "reserve" | "cancel" | "begin">;
  /** Whether this process has jobs in hand. */
  hasJobs: () => boolean;
  /** So many that began here may be under way, no more than half of them of one tenant. */
  bounds: { maxRunsHere: number; leaseMs: number };
  onError: (error: unknown) => void;
}): RunsHere {
  const { admission, hasJobs, bounds, onError } = deps;
  const pool = createSlotPool(bounds.maxRunsHere);
  const inHand = new Set<Promise<void>>();

  function reserveOne(run: SlotUser): boolean {
    if (pool.take(run.tenantId, 1) === 0) return false;
    if (admission.reserve(run)) return true;
    pool.release(run.tenantId, 1);
    return false;
  }

  function cancel(runs: readonly SlotUser[]): void {
    for (const run of runs) {
      admission.cancel(run);
      pool.release(run.tenantId, 1);
    }
  }

  return {
    leaseMs: bounds.leaseMs,
    reserve(runs) {
      const reserved = hasJobs() ? [] : runs.filter(reserveOne);
      return {
        runIds: new Set(reserved.map((run) => run.id)),
        begin(claimed) {
          const ids = new Set(claimed.runs.map((run) => run.id));
          cancel(reserved.filter((run) => !ids.has(run.id)));
          if (ids.size === 0) return;
          const batch = admission
            .begin(claimed, ({ tenantId }) => pool.release(tenantId, 1))
            .catch(onError)
            .finally(() => inHand.delete(batch));
          inHand.add(batch);
        },
        cancel: () => cancel(reserved),
      };
    },
    async emptied() {
      await Promise.all(inHand);
    },
  };
}
