/** What a key may do, from the least to the most: each scope includes those before it. */
export declare const SCOPES: readonly ["read", "write", "admin"];
export type Scope = (typeof SCOPES)[number];
/** What the holder of a key may reach: one tenant, or the whole installation where `tenantId` is undefined. */
export interface Access {
    keyId: string;
    scope: Scope;
    tenantId: string | undefined;
}
/** What a call needs: a scope, over one tenant or, where `tenantId` is undefined, over the installation. */
export interface Need {
    scope: Scope;
    tenantId: string | undefined;
}
/** Why the access does not suffice for the call; undefined when it does. */
export declare function refusal(access: Access, need: Need): string | undefined;
/** What is stored of a key: SHA-256. Keys are long and random, so that nothing slower is needed. */
export declare function hashApiKey(key: string): Buffer;
/** A key from 32 random bytes. */
export declare function formatApiKey(random: Buffer): string;
