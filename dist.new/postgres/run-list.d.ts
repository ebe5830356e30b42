import type { Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
export declare const RUN_STATES: readonly ["queued", "running", "succeeded", "failed", "dead", "cancelled"];
/** Failed means: an attempt failed, and the next one is due. */
export type RunState = (typeof RUN_STATES)[number];
/** A run as it is shown. */
export interface StoredRun {
    id: string;
    tenantId: string;
    flowId: string;
    flowVersion: number;
    eventId: string;
    /** 0 for the run that routing made; each replay counts one up. */
    replaySeq: number;
    lane: Priority;
    state: RunState;
    /** Of a failed run: when its next attempt is due. */
    visibleAt: Date;
    errorCode: string | undefined;
    errorMessage: string | undefined;
    createdAt: Date;
    startedAt: Date | undefined;
    finishedAt: Date | undefined;
    /** Those that ended, the first one first. */
    attempts: StoredAttempt[];
}
export interface StoredAttempt {
    /** Counts from 1. */
    attempt: number;
    outcome: "done" | "retry" | "dead" | "lost";
    errorCode: string | undefined;
    errorMessage: string | undefined;
    responseStatus: number | undefined;
    startedAt: Date;
    finishedAt: Date;
}
export interface RunFilter {
    tenantId: string;
    flowId: string | undefined;
    eventId: string | undefined;
    state: RunState | undefined;
    /** The least id, from the time asked for. */
    sinceId: string | undefined;
    /** Only ids below this one: where the previous page ended. */
    beforeId: string | undefined;
    limit: number;
}
/** A page of a tenant's runs with their attempts, newest first. */
export declare function listRuns(database: Queryable, filter: RunFilter): Promise<StoredRun[]>;
export declare function findRun(database: Queryable, tenantId: string, id: string): Promise<StoredRun | undefined>;
