import { type Static, Type } from "typebox";
import { SCOPES } from "../../domain/api-key.ts";
import type { StoredApiKey } from "../../postgres/access/api-keys.ts";
import { closed, DisplayName, Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** What a POST of a key may set. */
export const ApiKeyInput = Type.Object(
  {
    name: DisplayName,
    tenant_id: Type.Optional(Id),
    scope: Type.Enum([...SCOPES], {
      description: "admin (without a tenant_id), write or read; each includes those after it",
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
    Type.String({ format: "date-time", description: "to about a minute; null for a key never used" }),
  ),
  created_by: nullable(
    Type.String({
      description:
        "the id of the key that made it, or `setting` for that of HEADRACE_ADMIN_KEY; null for keys of old",
    }),
  ),
  created_by_name: nullable(Type.String({ description: "the name that the maker had" })),
};

/** An API key as it is shown. */
export const ApiKey = Type.Object(shown, { $id: "ApiKey" });

export const NewApiKey = Type.Object(
  { ...shown, key: Type.String({ description: "The key itself, shown here and never again." }) },
  { $id: "NewApiKey" },
);

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
