import type { Queryable } from "./database.ts";
export type DeadLetterStage = "normalize" | "route" | "execute";
export type DeadLetterStatus = "pending" | "replayed" | "expired";
/** What could not be processed, with its copy of the event. */
export interface StoredDeadLetter {
    id: string;
    tenantId: string;
    connector: string;
    endpoint: string;
    eventId: string;
    eventType: string | undefined;
    flowId: string | undefined;
    runId: string | undefined;
    stage: DeadLetterStage;
    /** The exact bytes; undefined when they were erased. */
    payload: Buffer | undefined;
    contentType: string | undefined;
    errorMessage: string;
    errorContext: Record<string, unknown>;
    fingerprint: string;
    createdAt: Date;
    updatedAt: Date;
    /** How often a replay was tried. */
    retryCount: number;
    status: DeadLetterStatus;
}
export interface DeadLetterFilter {
    /** Undefined: of every tenant. */
    tenantId: string | undefined;
    flowId: string | undefined;
    connector: string | undefined;
    stage: DeadLetterStage | undefined;
    status: DeadLetterStatus | undefined;
    fingerprint: string | undefined;
    /** Bounds on the id, from the times asked for: since is inclusive, until is not. */
    sinceId: string | undefined;
    untilId: string | undefined;
    /** Only ids below this one: where the previous page ended. */
    beforeId: string | undefined;
    limit: number;
    /** The page ends with the payload that reaches this size, bytes. */
    maxBytes: number;
}
/** A page of dead letters, newest first. `more` says that there are others behind it. */
export declare function listDeadLetters(database: Queryable, filter: DeadLetterFilter): Promise<{
    deadLetters: StoredDeadLetter[];
    more: boolean;
}>;
export declare function findDeadLetter(database: Queryable, tenantId: string, id: string): Promise<StoredDeadLetter | undefined>;
