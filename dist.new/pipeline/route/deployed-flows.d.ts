import type { NormalizedEvent } from "../../domain/event.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Queryable } from "../../postgres/database.ts";
/** A flow that an event starts, at the version that was live. */
export interface MatchedFlow {
    flowId: string;
    version: number;
    /** Overrides the event's priority. */
    priority: Priority | undefined;
}
/**
 * The deployed flows, at every moment that an unrouted event was accepted. An event is matched against what was live
 * then: a deploy or undeploy that returned before counts, one that was called after does not, however long the event
 * waited and whichever router gets it.
 */
export interface DeployedFlows {
    /** Makes the index right for events accepted at these values of the flows counter. */
    prepare(moments: {
        oldest: number;
        newest: number;
    }): Promise<void>;
    /** The flows that the event starts, accepted at the value `moment` of the flows counter. */
    match(event: NormalizedEvent, moment: number): MatchedFlow[];
    /** The flows counter that the index has caught up with; 0 before the first load. */
    readonly counter: number;
}
export declare function createDeployedFlows(database: Queryable): DeployedFlows;
