import type { EndpointName } from "../../postgres/receiving-endpoints.ts";
import type { Acceptor } from "./acceptor.ts";
import { type ChallengeAnswer } from "./challenge.ts";
import type { EndpointCache } from "./endpoint-cache.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import type { RejectionReason } from "./verify.ts";
export type ReceiveAnswer = 
/** Committed, now or earlier; the ids are those of the first time, in the order of the items. */
{
    kind: "accepted" | "duplicate";
    eventIds: string[];
    ack: Scheme["ack"];
}
/** The sender sees the same answer whatever the reason. */
 | {
    kind: "rejected";
    reason: RejectionReason | "unknown_endpoint" | "disabled";
} | {
    kind: "too_large";
    limitBytes: number;
}
/** An authentic handshake or ping: answered, and nothing is routed. */
 | ({
    kind: "challenge";
} & ChallengeAnswer);
/** The dedupe hint: which event a delivery became, as far as a fast store knows. */
export interface SeenHints {
    find(digest: string): Promise<string | undefined>;
    mark(seen: {
        digest: string;
        eventId: string;
    }): void;
}
/**
 * Judges a delivery and commits its events. Resolves with `accepted` or `duplicate` only when they are committed;
 * throws `store_unavailable` when PostgreSQL cannot take them now. What is known of endpoints is compared with the
 * receive counter before any answer, so that a change holds on every copy once the call that made it returned.
 */
export declare function createReceiver(deps: {
    endpoints: EndpointCache;
    acceptor: Acceptor;
    hints: SeenHints;
    /** The value of the receive counter at a moment after the call; concurrent calls share one look. */
    readCounter: () => Promise<number>;
    now: () => number;
}): (name: EndpointName, request: InboundRequest) => Promise<ReceiveAnswer>;
