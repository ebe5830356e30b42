import type { Queryable } from "./database.ts";
import type { Sealed } from "./key-ring.ts";
import type { EndpointName } from "./receiving-endpoints.ts";
/** What may be set of an endpoint. */
export interface EndpointSettings {
    /** The account at the provider whose deliveries it takes. */
    account: string | undefined;
    /** Overlay those of the connector. */
    params: Record<string, string>;
    enabled: boolean;
}
export interface StoredEndpoint extends EndpointName, EndpointSettings {
    /** Of its connector. */
    webhook: Record<string, unknown> | undefined;
    /** In the order in which they were given; never their values. */
    secrets: {
        notAfter: Date | undefined;
        createdAt: Date;
    }[];
    createdAt: Date;
    updatedAt: Date;
}
/** A secret to be stored; its id is part of the place that it is sealed with. */
export interface NewSecret extends Sealed {
    id: string;
    notAfter: Date | undefined;
}
/** Stores an endpoint and its secrets, in place of all that it had. Raise the receive counter in the same transaction. */
export declare function putEndpoint(transaction: Queryable, name: EndpointName, settings: EndpointSettings, secrets: readonly NewSecret[]): Promise<void>;
export declare function findEndpoint(transaction: Queryable, name: EndpointName): Promise<StoredEndpoint | undefined>;
/** A page of a tenant's endpoints in the order of connector and endpoint. */
export declare function listEndpoints(transaction: Queryable, tenantId: string, page: {
    after: {
        connector: string;
        endpoint: string;
    };
    limit: number;
}): Promise<StoredEndpoint[]>;
/** False when there is none. Raise the receive counter in the same transaction. */
export declare function deleteEndpoint(transaction: Queryable, name: EndpointName): Promise<boolean>;
/**
 * Adds a secret before the others, which hold for `overlapSeconds` more at the most; those that have expired go.
 * Answers how many there are now. Raise the receive counter in the same transaction.
 */
export declare function rotateSecret(transaction: Queryable, name: EndpointName, secret: NewSecret, overlapSeconds: number): Promise<number>;
