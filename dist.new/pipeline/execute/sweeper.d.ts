import type { Queryable } from "../../postgres/database.ts";
import { type JobQueues } from "../../redis/job-queue.ts";
import type { Step } from "../../runtime/loop.ts";
export interface SweeperLimits {
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
export declare function createSweeper(deps: {
    database: Queryable;
    queues: JobQueues;
    limits: SweeperLimits;
    onSwept: (runs: number) => void;
}): Step;
