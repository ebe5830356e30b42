import type { Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
/** A run that this process holds: nobody else may finish it while its fence is the newest and its lease runs. */
export interface ClaimedRun {
    id: string;
    tenantId: string;
    flowId: string;
    flowVersion: number;
    eventId: string;
    replaySeq: number;
    lane: Priority;
    fence: number;
    /** Attempts that were finished before this one. */
    attempts: number;
}
/**
 * Claims the runs of a batch that are queued: they are running from now on, for `leaseMs`, under a new fence. What
 * is missing in the answer was finished, cancelled or claimed by another. `flowsCounter` is the counter of the same
 * moment, which tells whether what is known of the flows is still true.
 */
export declare function claimRuns(database: Queryable, ids: readonly string[], leaseMs: number): Promise<{
    runs: ClaimedRun[];
    flowsCounter: number;
}>;
/** Pushes the leases of running runs ahead; answers the ids that are still held under the fence given. */
export declare function extendLeases(database: Queryable, held: readonly {
    id: string;
    fence: number;
}[], leaseMs: number): Promise<Set<string>>;
/** How one attempt ended and what becomes of its run. */
export interface FinishedAttempt {
    id: string;
    eventId: string;
    fence: number;
    /** succeeded and dead end the run; failed waits `retryDelayMs` for its next attempt. */
    state: "succeeded" | "failed" | "dead";
    retryDelayMs: number;
    durationMs: number;
    responseStatus: number | undefined;
    errorCode: string | undefined;
    errorMessage: string | undefined;
    /** What the dead letter keeps besides, when the state is dead. */
    errorContext: Record<string, unknown> | undefined;
    fingerprint: string | undefined;
}
/**
 * Writes how a batch of attempts ended: the run's new state, the attempt, and for a dead one its dead letter with a
 * copy of its event, in one statement. A run whose fence is no longer ours is left alone; answers the ids written.
 */
export declare function finishRuns(database: Queryable, attempts: readonly FinishedAttempt[]): Promise<Set<string>>;
/** A run that is queued again under a new generation, and needs a job. */
export interface DueRun {
    id: string;
    tenantId: string;
    flowId: string;
    lane: Priority;
    generation: number;
}
/**
 * Runs of the lanes that are due, the longest due first, at most `limit`: their job was lost, their worker's lease
 * ended, or they failed and their back-off is over. Nothing is locked: `queueRuns` decides.
 */
export declare function dueRunIds(database: Queryable, lanes: readonly Priority[], limit: number): Promise<string[]>;
/** Queues those of the runs that are still due under their next generation, and pushes them `leaseMs` ahead. */
export declare function queueRuns(database: Queryable, ids: readonly string[], leaseMs: number): Promise<DueRun[]>;
/** How long until the next unfinished run is due, ms; undefined when there is none. */
export declare function nextRunDueMs(database: Queryable): Promise<number | undefined>;
/** Makes every queued run due now and answers how many. For a lost Redis: their jobs are gone. */
export declare function expireQueuedRuns(database: Queryable): Promise<number>;
/** Gives up the leases of runs that this process will not finish: they are due at once. */
export declare function releaseRuns(database: Queryable, held: readonly {
    id: string;
    fence: number;
}[]): Promise<void>;
