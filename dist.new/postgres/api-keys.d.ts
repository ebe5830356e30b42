import { type Access, type Scope } from "../domain/api-key.ts";
import type { Database, Queryable } from "./database.ts";
/** A key as it is shown: everything but the key. */
export interface StoredApiKey {
    id: string;
    name: string;
    tenantId: string | undefined;
    scope: Scope;
    expiresAt: Date | undefined;
    createdAt: Date;
}
/** Sees to it that the key of the settings exists as an admin key. One that was revoked stays revoked. */
export declare function ensureAdminKey(database: Database, key: string): Promise<void>;
/**
 * What a key reaches, and whether the tenant asked about exists; undefined for a key that is unknown, expired or
 * revoked. It is read anew for each request, so that a revoked key is dead on every copy when its call returned.
 */
export declare function findAccess(transaction: Queryable, { keyHash, tenantId }: {
    keyHash: Buffer;
    tenantId: string | undefined;
}): Promise<(Access & {
    tenantExists: boolean;
}) | undefined>;
export declare function insertApiKey(transaction: Queryable, key: {
    name: string;
    tenantId: string | undefined;
    scope: Scope;
    keyHash: Buffer;
    expiresAt: Date | undefined;
}): Promise<StoredApiKey>;
/** A page of the keys that were not revoked, expired ones among them, in the order in which they were made. */
export declare function listApiKeys(transaction: Queryable, page: {
    afterId: string;
    limit: number;
}): Promise<StoredApiKey[]>;
/** False when there is no such key, or it was revoked before. */
export declare function revokeApiKey(transaction: Queryable, id: string): Promise<boolean>;
