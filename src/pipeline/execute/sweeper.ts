import { LANES } from "../../domain/priority.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import {
  type DueRun,
  dueRunIds,
  type FinishedAttempt,
  nextRunDueMs,
  queueRuns,
} from "../../postgres/runs/runs.ts";
import { type JobQueues, jobsOf } from "../../redis/job-queue.ts";
import type { Step } from "../../runtime/loop.ts";
import { type LostRunBounds, tendLostRuns } from "./lost-runs.ts";

export interface SweeperBounds extends LostRunBounds {
  /** Runs queued at once. */
  batchSize: number;
  /** How long a queued run's job may be on its way before the run is queued again, ms. */
  runLeaseMs: number;
  maxRunsPerJob: number;
  /** A lane with this many jobs waiting is left alone: its runs are late, not lost. */
  maxWaitingJobs: number;
  /** The longest wait between two looks, ms. */
  idleMs: number;
  /** The shortest, however often a run comes due, ms. */
  minWaitMs: number;
}

/**
 * One step of the sweep: runs that are due, because their back-off is over, their worker is gone or their job was
 * lost, are queued under a new generation and given a new job.
 */
export function createSweeper(deps: {
  database: Queryable;
  queues: JobQueues;
  bounds: SweeperBounds;
  random: () => number;
  onSwept: (runs: readonly DueRun[]) => void;
  /** Told of runs that are dead because no worker lived to end them. */
  onLost: (attempts: readonly FinishedAttempt[]) => void;
}): Step {
  const { database, queues, bounds, random, onSwept, onLost } = deps;
  return async () => {
    const depths = await queues.depths();
    const lanes = LANES.filter((lane) => (depths.get(lane) ?? 0) < bounds.maxWaitingJobs);
    const ids = await dueRunIds(database, lanes, bounds.batchSize);
    if (ids.length > 0) {
      const lost = await tendLostRuns(database, ids, bounds, random);
      if (lost.length > 0) onLost(lost);
      const runs = await queueRuns(database, ids, bounds.runLeaseMs);
      // What lost its worker travels alone, so that it ends no other with it.
      const [alone, together] = [runs.filter(isSuspect), runs.filter((run) => !isSuspect(run))];
      await queues.add([...jobsOf(together, bounds.maxRunsPerJob), ...jobsOf(alone, 1)]);
      onSwept(runs);
      return { waitMs: bounds.minWaitMs };
    }
    const nextMs = (await nextRunDueMs(database)) ?? bounds.idleMs;
    return { waitMs: Math.min(bounds.idleMs, Math.max(bounds.minWaitMs, nextMs)) };
  };
}

const isSuspect = ({ lost = 0 }: DueRun) => lost > 0;
