import type { Queryable } from "./database.ts";
/** What may be set of a connector. */
export interface ConnectorSettings {
    name: string | undefined;
    /** How its deliveries are verified: a preset with params, or a scheme. Undefined: it receives none. */
    webhook: Record<string, unknown> | undefined;
    /** How its records are polled. Undefined: they are not. */
    source: Record<string, unknown> | undefined;
}
export interface StoredConnector extends ConnectorSettings {
    id: string;
    createdAt: Date;
    updatedAt: Date;
}
/** Stores a connector. Raise the receive counter first in the same transaction: it orders what is checked against it. */
export declare function putConnector(transaction: Queryable, id: string, settings: ConnectorSettings): Promise<StoredConnector>;
export declare function findConnector(transaction: Queryable, id: string): Promise<StoredConnector | undefined>;
/** A page of the connectors in the order of their ids. */
export declare function listConnectors(transaction: Queryable, page: {
    afterId: string;
    limit: number;
}): Promise<StoredConnector[]>;
/** Deletes a connector with every endpoint of it; false when there is none. */
export declare function deleteConnector(transaction: Queryable, id: string): Promise<boolean>;
/** The different params that endpoints of a connector have, each with one endpoint that has them; at most `limit`. */
export declare function listEndpointParams(transaction: Queryable, connector: string, limit: number): Promise<{
    tenantId: string;
    endpoint: string;
    params: Record<string, string>;
}[]>;
