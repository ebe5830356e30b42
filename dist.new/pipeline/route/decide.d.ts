import type { NormalizedEvent } from "../../domain/event.ts";
import type { StoredEvent } from "../../postgres/events.ts";
import type { RoutingDecision } from "../../postgres/routing.ts";
import type { MatchedFlow } from "./deployed-flows.ts";
/** Reads an event's body; the stage itself lives elsewhere, and is given to the router. */
export type Normalize = (event: StoredEvent) => {
    kind: "normalized";
    event: NormalizedEvent;
} | {
    kind: "unreadable";
    reason: string;
};
/** What becomes of each event of a batch: runs of the flows that it meets, or a dead letter. Pure. */
export declare function decideRouting(events: readonly StoredEvent[], normalize: Normalize, match: (event: NormalizedEvent, moment: number) => MatchedFlow[]): RoutingDecision;
/** The dead letter of an event that the stage itself cannot get past. */
export declare function deadLetter(event: StoredEvent, stage: "normalize" | "route", errorMessage: string, stack?: string): RoutingDecision["deadLetters"][number];
