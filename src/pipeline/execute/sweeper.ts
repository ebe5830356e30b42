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
import { handleLostRuns, type LostRunBounds } from "./lost-runs.ts";

export interface SweeperBounds extends LostRunBounds {
  /** Runs per step. */
  batchSize: number;
  /** How long a queued run waits for its job to be claimed before it is queued again, ms. */
  runLeaseMs: number;
  maxRunsPerJob: number;
  /** A lane with this many waiting jobs is skipped: its runs are late, not lost. */
  maxWaitingJobs: number;
  /** The longest wait between two steps, ms. */
  idleMs: number;
  /** The shortest wait between two steps, ms. */
  minWaitMs: number;
}

/**
 * One step of the sweep. Queues due runs again, under a new generation and with a new job: their back-off has ended,
 * their worker was lost, or their job was.
 */
export function createSweeper(deps: {
  database: Queryable;
  queues: JobQueues;
  bounds: SweeperBounds;
  random: () => number;
  onSwept: (runs: readonly DueRun[]) => void;
  /** Called with runs that are dead letters because they lost their workers too often. */
  onLost: (attempts: readonly FinishedAttempt[]) => void;
}): Step {
  const { database, queues, bounds, random, onSwept, onLost } = deps;
  return async () => {
    const depths = await queues.depths();
    const lanes = LANES.filter((lane) => (depths.get(lane) ?? 0) < bounds.maxWaitingJobs);
    const ids = await dueRunIds(database, lanes, bounds.batchSize);
    if (ids.length > 0) {
      const lost = await handleLostRuns(database, ids, bounds, random);
      if (lost.length > 0) onLost(lost);
      const runs = await queueRuns(database, ids, bounds.runLeaseMs);
      // A run that lost its worker gets a job of its own: if it ends another worker, no other run is lost with it.
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
