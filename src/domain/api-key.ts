import { hash } from "node:crypto";

/** What a key may do, from the least to the most: each scope includes those before it. */
export const SCOPES = ["read", "write", "admin"] as const;
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
export function refusal(access: Access, need: Need): string | undefined {
  if (access.tenantId !== undefined && access.tenantId !== need.tenantId) {
    return need.tenantId === undefined
      ? "The key is bound to a tenant, and this is not a tenant's"
      : "The key is bound to another tenant";
  }
  if (SCOPES.indexOf(access.scope) >= SCOPES.indexOf(need.scope)) return undefined;
  return `The key has the scope ${access.scope}, and this needs ${need.scope}`;
}

/** What is stored of a key: SHA-256. Keys are long and random, so that nothing slower is needed. */
export function hashApiKey(key: string): Buffer {
  return hash("sha256", key, "buffer");
}

/** A key from 32 random bytes. */
export function formatApiKey(random: Buffer): string {
  return `hr_${random.toString("base64url")}`;
}
