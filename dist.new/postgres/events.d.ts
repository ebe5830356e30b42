import type { EventSource, Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
/** An event as it was accepted: the exact bytes and what stood around them. */
export interface StoredEvent {
    id: string;
    tenantId: string;
    connector: string;
    endpoint: string;
    type: string | undefined;
    source: EventSource;
    priority: Priority;
    subject: string | undefined;
    occurredAtMs: number | undefined;
    receivedAtMs: number;
    deliveryKey: string;
    item: number;
    headers: Record<string, string>;
    contentType: string | undefined;
    /** The flows counter when it was accepted. */
    flowsCounter: number;
    payload: Buffer;
}
/** The events of a batch, those that exist, in no order. */
export declare function loadEvents(database: Queryable, ids: readonly string[]): Promise<StoredEvent[]>;
export declare const EVENT_STATUSES: readonly ["accepted", "routed", "unmatched", "dead"];
/** What the API calls an event's status: accepted until it is routed. */
export type EventStatus = (typeof EVENT_STATUSES)[number];
export interface EventFilter {
    tenantId: string;
    connector: string | undefined;
    type: string | undefined;
    source: EventSource | undefined;
    status: EventStatus | undefined;
    priority: Priority | undefined;
    /** Stands in the type or the subject, in any case. */
    contains: string | undefined;
    /** Bounds on the id, from the times asked for: since is inclusive, until is not. */
    sinceId: string | undefined;
    untilId: string | undefined;
    /** Only ids below this one: where the previous page ended. */
    beforeId: string | undefined;
    limit: number;
    /** The page ends with the payload that reaches this size, bytes. */
    maxBytes: number;
}
export interface ListedEvent extends StoredEvent {
    status: EventStatus;
}
/** A page of a tenant's events, newest first. `more` says that there are others behind it. */
export declare function listEvents(database: Queryable, filter: EventFilter): Promise<{
    events: ListedEvent[];
    more: boolean;
}>;
export interface EventVerdict {
    status: EventStatus;
    routedAtMs: number | undefined;
}
/** One event of a tenant with its routing verdict. */
export declare function findEvent(database: Queryable, tenantId: string, id: string): Promise<{
    event: StoredEvent;
    verdict: EventVerdict;
} | undefined>;
