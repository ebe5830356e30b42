import { hash } from "node:crypto";
/** What a key may do, from the least to the most: each scope includes those before it. */
export const SCOPES = ["read", "write", "admin"];
/** Why the access does not suffice for the call; undefined when it does. */
export function refusal(access, need) {
    if (access.tenantId !== undefined && access.tenantId !== need.tenantId) {
        return need.tenantId === undefined
            ? "The key is bound to a tenant, and this is not a tenant's"
            : "The key is bound to another tenant";
    }
    if (SCOPES.indexOf(access.scope) >= SCOPES.indexOf(need.scope))
        return undefined;
    return `The key has the scope ${access.scope}, and this needs ${need.scope}`;
}
/** What is stored of a key: SHA-256. Keys are long and random, so that nothing slower is needed. */
export function hashApiKey(key) {
    return hash("sha256", key, "buffer");
}
/** A key from 32 random bytes. */
export function formatApiKey(random) {
    return `hr_${random.toString("base64url")}`;
}
//# sourceMappingURL=api-key.js.map