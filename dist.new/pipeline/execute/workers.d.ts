import { type Priority } from "../../domain/priority.ts";
import type { RedisClient } from "../../redis/client.ts";
import { type RedisKeys } from "../../redis/keys.ts";
export interface WorkerLimits {
    /** Jobs that this process executes at once, by lane. */
    concurrency: Readonly<Record<Priority, number>>;
    /** How long BullMQ lets a silent worker keep a job, ms. What decides is the run's own lease. */
    lockMs: number;
}
/** BullMQ's workers, one a lane. */
export interface Workers {
    start(): void;
    /** Takes no more jobs; resolves when those in hand have ended. */
    stop(): Promise<void>;
}
export declare function createWorkers(deps: {
    connect: () => RedisClient;
    keys: RedisKeys;
    execute: (runIds: string[]) => Promise<void>;
    limits: WorkerLimits;
    onError: (error: Error) => void;
}): Workers;
