import { hash } from "node:crypto";

/** The scopes of keys, in ascending order: each includes those before it. */
export const SCOPES = ["read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** The access that a key grants: to one tenant, or to the whole installation if `tenantId` is undefined. */
export interface Access {
  keyId: string;
  scope: Scope;
  tenantId: string | undefined;
}

/** The access that a call needs: to one tenant, or to the installation if `tenantId` is undefined. */
export interface Need {
  scope: Scope;
  tenantId: string | undefined;
}

/** Returns the reason why the access does not suffice for the call; undefined if it does. */
export function refusal(access: Access, need: Need): string | undefined {
  if (access.tenantId !== undefined && access.tenantId !== need.tenantId) {
    return need.tenantId === undefined
      ? "The key is bound to a tenant, and this is not a tenant's"
      : "The key is bound to another tenant";
  }
  if (SCOPES.indexOf(access.scope) >= SCOPES.indexOf(need.scope)) return undefined;
  return `The key has the scope ${access.scope}, and this needs ${need.scope}`;
}

/** Returns the SHA-256 of a key, which is stored in its place. Keys are long and random: a slow hash is not needed. */
export function hashApiKey(key: string): Buffer {
  return hash("sha256", key, "buffer");
}

/** Formats 32 random bytes as a key. */
export function formatApiKey(random: Buffer): string {
  return `hr_${random.toString("base64url")}`;
}
