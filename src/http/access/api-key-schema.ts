import { type Static, Type } from "typebox";
import { SCOPES } from "../../domain/api-key.ts";
import type { StoredApiKey } from "../../postgres/access/api-keys.ts";
import { closed, DisplayName, Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** The body of a POST of a key. */
export const ApiKeyInput = Type.Object(
  {
    name: DisplayName,
    tenant_id: Type.Optional(Id),
    scope: Type.Enum([...SCOPES], {
      description: "admin (without a tenant_id), write or read; each includes the following ones",
    }),
    expires_at: Type.Optional(Instant),
  },
  closed,
);

const shown = {
  id: Uuid,
  name: DisplayName,
  tenant_id: nullable(Id),
  scope: Type.Enum([...SCOPES]),
  expires_at: nullable(Instant),
  created_at: Instant,
  last_used_at: nullable(
    Type.String({ format: "date-time", description: "accurate to about a minute; null if never used" }),
  ),
  created_by: nullable(
    Type.String({
      description:
        "the id of the key that created it, or `setting` for HEADRACE_ADMIN_KEY; null for keys older than this field",
    }),
  ),
  created_by_name: nullable(Type.String({ description: "the name of that key at the time" })),
};

/** An API key in responses, without the key itself. */
export const ApiKey = Type.Object(shown, { $id: "ApiKey" });

/** A new API key in the response to its POST, the only one that includes the key itself. */
export const NewApiKey = Type.Object(
  { ...shown, key: Type.String({ description: "The key itself, returned only once." }) },
  { $id: "NewApiKey" },
);

/** Converts a stored key to its API form. */
export function asApiKey(key: StoredApiKey): Static<typeof ApiKey> {
  return {
    id: key.id,
    name: key.name,
    tenant_id: key.tenantId ?? null,
    scope: key.scope,
    expires_at: key.expiresAt?.toISOString() ?? null,
    created_at: key.createdAt.toISOString(),
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    created_by: key.createdBy?.id ?? null,
    created_by_name: key.createdBy?.name ?? null,
  };
}
