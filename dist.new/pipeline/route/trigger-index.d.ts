import type { Condition } from "../../domain/condition/ast.ts";
/** A flow's trigger as the index knows it. */
export interface IndexedTrigger {
    id: string;
    tenantId: string;
    /** Undefined: events of any connector. */
    connector?: string | undefined;
    /** Exact names, or a prefix with a star at its end. Undefined: any type. */
    eventTypes?: readonly string[] | undefined;
    where?: Condition | undefined;
}
/** What a trigger is matched against. */
export interface MatchableEvent {
    tenantId: string;
    connector: string;
    type: string;
    data: unknown;
    headers?: Record<string, string>;
    changes?: Record<string, {
        from?: unknown;
        to?: unknown;
    }>;
}
/** All active triggers, in memory. */
export interface TriggerIndex {
    /** Adds a trigger; one of the same id is replaced and keeps its place. The next `match` sees it. */
    add(trigger: IndexedTrigger): void;
    /** Removes a trigger, if it is there. The next `match` no longer sees it. */
    remove(id: string): void;
    /** The ids of the triggers that the event meets, in the order of their registration. */
    match(event: MatchableEvent): string[];
    readonly size: number;
}
/** Triggers by tenant and connector; within those, each is asked. */
export declare function createTriggerIndex(): TriggerIndex;
