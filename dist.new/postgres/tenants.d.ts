import type { Queryable } from "./database.ts";
/** What may be set of a tenant; undefined is the installation's default, or no limit. */
export interface TenantSettings {
    name: string | undefined;
    /** Its share beside the other tenants of a lane. */
    weight: number;
    eventsPerSecond: number | undefined;
    maxBacklog: number | undefined;
    retentionDays: number | undefined;
}
export interface StoredTenant extends TenantSettings {
    id: string;
    createdAt: Date;
    updatedAt: Date;
}
/** Stores a tenant; undefined when one of this id was deleted, whose data may still be there. */
export declare function putTenant(transaction: Queryable, id: string, settings: TenantSettings): Promise<StoredTenant | undefined>;
export declare function findTenant(transaction: Queryable, id: string): Promise<StoredTenant | undefined>;
/** A page of the tenants in the order of their ids. */
export declare function listTenants(transaction: Queryable, page: {
    afterId: string;
    limit: number;
}): Promise<StoredTenant[]>;
/**
 * Marks a tenant as deleted, so that none of its endpoints takes a delivery, and ends its deployments. False when
 * there never was such a tenant; deleting twice is fine.
 */
export declare function deleteTenant(transaction: Queryable, id: string): Promise<boolean>;
/** Cancels at most `limit` of a tenant's unfinished runs and answers how many; who runs one now loses its fence. */
export declare function cancelRuns(transaction: Queryable, tenantId: string, limit: number): Promise<number>;
