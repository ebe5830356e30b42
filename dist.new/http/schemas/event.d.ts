import { type Static, Type } from "typebox";
import type { NormalizedEvent } from "../../domain/event.ts";
import { type EventStatus, type StoredEvent } from "../../postgres/events.ts";
/** Reads an event's body; the stage itself lives elsewhere and is given to the server. */
export type Normalize = (event: StoredEvent) => {
    kind: "normalized";
    event: NormalizedEvent;
} | {
    kind: "unreadable";
    reason: string;
};
export declare const EventSource: Type.TEnum<["webhook", "poll", "api", "schedule", "replay"]>;
export declare const EventStatusName: Type.TEnum<["accepted", "routed", "unmatched", "dead"]>;
/** One event of a POST. */
export declare const EventInput: Type.TObject<{
    connector: Type.TOptional<Type.TString>;
    type: Type.TString;
    data: Type.TUnknown;
    subject: Type.TOptional<Type.TString>;
    occurred_at: Type.TOptional<Type.TString>;
    idempotency_key: Type.TOptional<Type.TString>;
    priority: Type.TOptional<Type.TUnsafe<1 | 2 | 3 | 4>>;
}>;
export declare const Event: Type.TObject<{
    id: Type.TString;
    tenant_id: Type.TString;
    connector: Type.TString;
    endpoint: Type.TString;
    type: Type.TUnion<[Type.TString, Type.TNull]>;
    source: Type.TEnum<["webhook", "poll", "api", "schedule", "replay"]>;
    priority: Type.TUnsafe<1 | 2 | 3 | 4>;
    subject: Type.TUnion<[Type.TString, Type.TNull]>;
    status: Type.TEnum<["accepted", "routed", "unmatched", "dead"]>;
    occurred_at: Type.TString;
    received_at: Type.TString;
    idempotency_key: Type.TString;
    data: Type.TUnknown;
    changes: Type.TOptional<Type.TRecord<"^.*$", Type.TObject<{
        from: Type.TOptional<Type.TUnknown>;
        to: Type.TOptional<Type.TUnknown>;
    }>>>;
}>;
declare const TimelineEntry: Type.TObject<{
    stage: Type.TEnum<["receive", "normalize", "route", "execute"]>;
    what: Type.TString;
    at: Type.TString;
    run_id: Type.TOptional<Type.TString>;
    flow_id: Type.TOptional<Type.TString>;
    detail: Type.TOptional<Type.TString>;
}>;
export declare const EventDetail: Type.TObject<{
    id: Type.TString;
    tenant_id: Type.TString;
    connector: Type.TString;
    endpoint: Type.TString;
    type: Type.TUnion<[Type.TString, Type.TNull]>;
    source: Type.TEnum<["webhook", "poll", "api", "schedule", "replay"]>;
    priority: Type.TUnsafe<1 | 2 | 3 | 4>;
    subject: Type.TUnion<[Type.TString, Type.TNull]>;
    status: Type.TEnum<["accepted", "routed", "unmatched", "dead"]>;
    occurred_at: Type.TString;
    received_at: Type.TString;
    idempotency_key: Type.TString;
    data: Type.TUnknown;
    changes: Type.TOptional<Type.TRecord<"^.*$", Type.TObject<{
        from: Type.TOptional<Type.TUnknown>;
        to: Type.TOptional<Type.TUnknown>;
    }>>>;
    timeline: Type.TArray<Type.TObject<{
        stage: Type.TEnum<["receive", "normalize", "route", "execute"]>;
        what: Type.TString;
        at: Type.TString;
        run_id: Type.TOptional<Type.TString>;
        flow_id: Type.TOptional<Type.TString>;
        detail: Type.TOptional<Type.TString>;
    }>>;
    runs: Type.TArray<Type.TUnsafe<{
        id: string;
        tenant_id: string;
        flow_id: string;
        flow_version: number;
        event_id: string;
        replay: number;
        priority: 1 | 2 | 3 | 4;
        status: "cancelled" | "dead" | "failed" | "queued" | "running" | "succeeded";
        error: {
            code: string;
            message: string;
        } | null;
        attempts: {
            attempt: number;
            outcome: "dead" | "done" | "lost" | "retry";
            error: {
                code: string;
                message: string;
            } | null;
            response_status: number | null;
            started_at: string;
            finished_at: string;
        }[];
        next_attempt_at: string | null;
        created_at: string;
        started_at: string | null;
        finished_at: string | null;
    }>>;
}>;
export type TimelineEntry = Static<typeof TimelineEntry>;
export declare function asEvent(stored: StoredEvent, status: EventStatus, normalized: ReturnType<Normalize>): Static<typeof Event>;
export {};
