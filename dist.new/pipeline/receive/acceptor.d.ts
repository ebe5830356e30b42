import { type AcceptedEvent, type NewEvent } from "../../postgres/accept.ts";
import { type Queryable } from "../../postgres/database.ts";
/** The events of one delivery or one API call: accepted together or not at all. */
export interface Delivery {
    events: NewEvent[];
    /** What the delivery was verified with, as the receive counter tells; absent where nothing was cached. */
    verifiedAt?: number;
}
export type AcceptAnswer = {
    kind: "accepted";
    events: AcceptedEvent[];
}
/** Connectors, endpoints or secrets changed since `verifiedAt`: verify again. */
 | {
    kind: "stale";
    counter: number;
};
export interface AcceptorLimits {
    /** Deliveries in one transaction. */
    maxDeliveries: number;
    /** Payload bytes in one transaction; a larger delivery goes alone. */
    maxBytes: number;
    /** Transactions under way at once. */
    inFlight: number;
    /** Deliveries that wait; one more is answered `store_unavailable`. */
    maxWaiting: number;
}
export interface Acceptor {
    /** Resolves when the events are committed in PostgreSQL. */
    accept(delivery: Delivery): Promise<AcceptAnswer>;
    /** Takes a delivery back that waits for its transaction; false when it is too late. `accept` then never settles. */
    withdraw(delivery: Delivery): boolean;
    /** True when a delivery has to wait for the transaction before it. */
    readonly busy: boolean;
}
/**
 * Commits deliveries in groups: one or two transactions are under way, and the next one takes what arrived
 * meanwhile. `onAccepted` is called once a transaction that wrote new events is committed.
 */
export declare function createAcceptor(deps: {
    database: Queryable;
    limits: AcceptorLimits;
    onAccepted: (newEvents: number) => void;
}): Acceptor;
