import type { FlowDefinition } from "../../domain/flow.ts";
import type { Queryable } from "../../postgres/database.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
/** Where a flow's signing secret lives, which is sealed with it. */
export declare function signingPlace(flow: {
    tenantId: string;
    flowId: string;
}): string;
export interface OpenedFlow {
    definition: FlowDefinition;
    signingSecret: string;
}
interface FlowName {
    tenantId: string;
    flowId: string;
    flowVersion: number;
}
/** The flow versions that this process runs, kept while the flows counter stands still. */
export interface FlowVersions {
    /** Loads what is not known yet, all at once; what does not exist stays unknown. */
    prepare(wanted: readonly FlowName[], flowsCounter: number): Promise<void>;
    get(name: FlowName): OpenedFlow | undefined;
}
export declare function createFlowVersions(database: Queryable, keyRing: KeyRing, maxVersions: number): FlowVersions;
export {};
