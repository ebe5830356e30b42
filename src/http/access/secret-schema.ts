import { type Static, Type } from "typebox";
import type { StoredSecret } from "../../postgres/access/secrets.ts";
import { closed, Id, Instant, line } from "../field-schemas.ts";

/** What a PUT of a secret takes. No header could carry a control character. */
export const SecretInput = Type.Object({ value: line(4096) }, closed);

/** A tenant's secret as it is shown. */
export const Secret = Type.Object(
  { name: Id, tenant_id: Id, created_at: Instant, updated_at: Instant },
  { $id: "Secret", description: "Never its value." },
);

export const SecretParams = Type.Object({ tenant_id: Id, name: Id });

export function asSecret(secret: StoredSecret): Static<typeof Secret> {
  return {
    name: secret.name,
    tenant_id: secret.tenantId,
    created_at: secret.createdAt.toISOString(),
    updated_at: secret.updatedAt.toISOString(),
  };
}
