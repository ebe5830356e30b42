import { type Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
export interface ClaimedEvent {
    eventId: string;
    tenantId: string;
    lane: Priority;
}
export interface OutboxClaim {
    events: ClaimedEvent[];
    /** For each lane asked for: the tenant after which its next walk goes on, "" for the beginning. */
    nextAfter: Map<Priority, string>;
}
/**
 * Claims due rows, at most `budgets` of each lane, in equal shares from up to `maxTenants` tenants after
 * `afterTenants`, and pushes them `leaseMs` ahead. Rows that another claim holds are skipped. What a claim took
 * comes due again by itself when nobody routes it: the same statement is the reconciler.
 */
export declare function claimOutbox(database: Queryable, claim: {
    budgets: ReadonlyMap<Priority, number>;
    afterTenants: ReadonlyMap<Priority, string>;
    maxTenants: number;
    leaseMs: number;
}): Promise<OutboxClaim>;
/** Makes every leased row due now, in one statement of at most `limit` rows; answers how many. For a lost Redis. */
export declare function expireOutboxLeases(database: Queryable, limit: number): Promise<number>;
/** How old the oldest event is that is not routed yet, ms, by the time in its id; 0 when there is none. */
export declare function oldestUnroutedMs(database: Queryable): Promise<number>;
