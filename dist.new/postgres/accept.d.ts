import type { EventSource, Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
/** An event that is about to be written, with everything that the later stages will read of it. */
export interface NewEvent {
    tenantId: string;
    connector: string;
    endpoint: string;
    type: string | undefined;
    source: EventSource;
    priority: Priority;
    subject?: string | undefined;
    occurredAtMs?: number | undefined;
    /** What makes it the same event when it comes again; goes into its idempotency key. */
    deliveryKey: string;
    /** Its place in a delivery that holds several events. */
    item: number;
    headers: Record<string, string>;
    contentType: string | undefined;
    payload: Buffer;
    /** The keys of which any makes it a duplicate, and how long each counts. None: it is always new. */
    keys: readonly {
        key: string;
        windowMs: number;
    }[];
}
export interface AcceptedEvent {
    eventId: string;
    /** True when the event was committed earlier; `eventId` is then the first one's. */
    duplicate: boolean;
}
export type AcceptResult = {
    kind: "accepted";
    events: AcceptedEvent[];
}
/** What the caller verified with has changed: nothing was written, and it verifies again. */
 | {
    kind: "stale";
    counter: number;
};
/**
 * Writes a batch of events, their keys and their outbox rows in one transaction, and answers when it is committed.
 * Events that are duplicates of one another, or of one committed earlier, are written once and answer the first
 * one's id. With `expectedCounter` nothing is written unless the receive counter still has that value.
 */
export declare function acceptEvents(database: Queryable, events: readonly NewEvent[], expectedCounter?: number): Promise<AcceptResult>;
/** Deletes keys whose time has ended, at most `limit`; they count no longer in any case. */
export declare function deleteExpiredKeys(database: Queryable, limit: number): Promise<number>;
