import { type Static, Type } from "typebox";
import type { StoredSecret } from "../../postgres/access/secrets.ts";
import { closed, Id, Instant, line } from "../field-schemas.ts";

/** The body of a PUT of a secret. Control characters are refused because no header can carry them. */
export const SecretInput = Type.Object({ value: line(4096) }, closed);

/** A tenant's secret in responses. */
export const Secret = Type.Object(
  { name: Id, tenant_id: Id, created_at: Instant, updated_at: Instant },
  { $id: "Secret", description: "The value is never included." },
);

/** The path parameters of a secret. */
export const SecretParams = Type.Object({ tenant_id: Id, name: Id });

/** Converts a stored secret to its API form. */
export function asSecret(secret: StoredSecret): Static<typeof Secret> {
  return {
    name: secret.name,
    tenant_id: secret.tenantId,
    created_at: secret.createdAt.toISOString(),
    updated_at: secret.updatedAt.toISOString(),
  };
}
