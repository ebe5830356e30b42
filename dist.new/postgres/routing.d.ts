import type { Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
/** A run to be made for an event and a flow that matched it. */
export interface NewRun {
    id: string;
    tenantId: string;
    flowId: string;
    flowVersion: number;
    eventId: string;
    lane: Priority;
}
/** A dead letter to be made for an event that goes no further; it takes its copy of the event from the table. */
export interface NewDeadLetter {
    eventId: string;
    stage: "normalize" | "route";
    errorMessage: string;
    errorContext: Record<string, unknown>;
    fingerprint: string;
}
/** What routing decided about one batch. Every event has one verdict. */
export interface RoutingDecision {
    verdicts: {
        eventId: string;
        tenantId: string;
        status: "routed" | "unmatched" | "dead";
    }[];
    runs: NewRun[];
    deadLetters: NewDeadLetter[];
}
/**
 * Carries out a decision in one statement: the outbox rows go, and for each event whose row was still there its
 * verdict, runs (first due `leaseMs` from now, if their job is lost) and dead letter are written. All of it, or none.
 * Answers the events whose row this call deleted; the others were routed by somebody else.
 */
export declare function routeEvents(database: Queryable, decision: RoutingDecision, leaseMs: number): Promise<Set<string>>;
