import { type Static, Type } from "typebox";
import { SCOPES } from "../../domain/api-key.ts";
import type { StoredApiKey } from "../../postgres/api-keys.ts";
import { closed, DisplayName, Id, Instant, nullable, Uuid } from "./fields.ts";

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
  };
}
