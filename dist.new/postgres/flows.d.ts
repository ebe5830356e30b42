import type { FlowDefinition } from "../domain/flow.ts";
import type { Queryable } from "./database.ts";
/** A flow as the API shows it: its newest version, and which version is live. */
export interface StoredFlow {
    tenantId: string;
    id: string;
    version: number;
    deployedVersion: number | undefined;
    definition: FlowDefinition;
    createdAt: Date;
    updatedAt: Date;
}
export declare function findFlow(database: Queryable, tenantId: string, id: string): Promise<StoredFlow | undefined>;
/** The newest version of a flow, which nobody deploys, undeploys or deletes until the transaction ends. */
export declare function lockFlow(transaction: Queryable, tenantId: string, id: string): Promise<number | undefined>;
/** A page of a tenant's flows in the order of their ids. */
export declare function listFlows(database: Queryable, tenantId: string, page: {
    afterId: string;
    limit: number;
}): Promise<StoredFlow[]>;
/** Where a flow's signing secret lives, which is sealed with it. */
export declare function signingPlace(flow: {
    tenantId: string;
    flowId: string;
}): string;
/**
 * Stores a flow's definition as its newest version; the same definition again makes none. A flow that was deleted
 * comes back, undeployed. The signing secret is stored for a new or returning flow, and for another only with
 * `replaceSecret`; `secretStored` says whether it was.
 */
export declare function putFlow(transaction: Queryable, flow: {
    tenantId: string;
    id: string;
    definition: FlowDefinition;
    signingSealed: Buffer;
    signingKeyId: string;
    replaceSecret?: boolean;
}): Promise<{
    secretStored: boolean;
}>;
/** Hides a flow; its versions stay for the runs that name them. Lock and undeploy it in the same transaction. */
export declare function deleteFlow(transaction: Queryable, tenantId: string, id: string): Promise<void>;
/** What a worker needs of a flow version: it never changes but for the secret, whose change raises the counter. */
export interface ExecutableFlow {
    tenantId: string;
    flowId: string;
    version: number;
    definition: FlowDefinition;
    signingSealed: Buffer;
    signingKeyId: string;
}
/** The versions named, those that exist. */
export declare function loadFlowVersions(database: Queryable, wanted: readonly {
    tenantId: string;
    flowId: string;
    version: number;
}[]): Promise<ExecutableFlow[]>;
