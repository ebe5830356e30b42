import { type Priority } from "../domain/priority.ts";
import type { RedisClient } from "./client.ts";
import { type RedisKeys } from "./keys.ts";
/** What a job carries: runs of one flow and one lane, by id. PostgreSQL knows the rest, and decides. */
export interface JobData {
    runIds: string[];
}
export interface NewJob {
    lane: Priority;
    runIds: string[];
    /** Rises each time the runs are queued again: an id that BullMQ still knows would be dropped without a word. */
    generation: number;
}
/** BullMQ's queues, one a lane: transport and concurrency. Nothing is kept in them, and nothing is retried by them. */
export interface JobQueues {
    add(jobs: readonly NewJob[]): Promise<void>;
    /** Jobs that wait for a worker, by lane. */
    depths(): Promise<Map<Priority, number>>;
    close(): Promise<void>;
}
export declare function openJobQueues(redis: RedisClient, keys: RedisKeys, onError: (error: Error) => void): JobQueues;
/** Runs of one flow and lane travel together: a job costs far more than a run. */
export declare function jobsOf(runs: readonly {
    id: string;
    tenantId: string;
    flowId: string;
    lane: Priority;
    generation?: number;
}[], maxRunsPerJob: number): NewJob[];
