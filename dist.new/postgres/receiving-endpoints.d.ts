import type { Queryable } from "./database.ts";
import type { Sealed } from "./key-ring.ts";
/** What the receiver needs of an endpoint and its connector, with the receive counter of the same moment. */
export interface ReceivingEndpoint {
    counter: number;
    /** Undefined when the tenant, the connector or the endpoint does not exist. */
    endpoint: {
        enabled: boolean;
        account: string | undefined;
        webhook: unknown;
        params: Record<string, string>;
        secrets: (Sealed & {
            id: string;
            notAfterMs: number | undefined;
        })[];
    } | undefined;
}
export interface EndpointName {
    tenantId: string;
    connector: string;
    endpoint: string;
}
export declare function findReceivingEndpoint(database: Queryable, name: EndpointName): Promise<ReceivingEndpoint>;
