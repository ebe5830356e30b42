import type { FlowDefinition } from "../domain/flow.ts";
import type { Queryable } from "./database.ts";
/** One version of a flow, live from one value of the flows counter until another, or still. */
export interface Deployment {
    tenantId: string;
    flowId: string;
    version: number;
    definition: FlowDefinition;
    from: number;
    /** The first value at which it is live no longer. */
    until: number | undefined;
}
/**
 * Every deployment that began or ended after the flows counter had the value `since`, in the order of their
 * beginnings, with the counter of the same moment; for `since` 0 those that are live.
 */
export declare function loadDeployments(database: Queryable, since: number): Promise<{
    deployments: Deployment[];
    counter: number;
}>;
/** The deployments that ended after the flows counter had the value `after`, and not after it had `upTo`. */
export declare function loadEndedDeployments(database: Queryable, { after, upTo }: {
    after: number;
    upTo: number;
}): Promise<Deployment[]>;
/**
 * Makes a version the live one, in place of another or of none. Lock the flow first. Throws `not_found` when the
 * tenant was deleted meanwhile: whoever deletes it ends the deployments that there are.
 */
export declare function deployFlow(transaction: Queryable, flow: {
    tenantId: string;
    flowId: string;
    version: number;
}): Promise<void>;
/** Takes a flow's trigger away. Lock the flow first. */
export declare function undeployFlow(transaction: Queryable, flow: {
    tenantId: string;
    flowId: string;
}): Promise<void>;
