import { type Static, Type } from "typebox";
import type { StoredTenant, TenantSettings } from "../../postgres/access/tenants.ts";
import { closed, DisplayName, Id, Instant } from "../field-schemas.ts";

const MAX_INTEGER = 2_147_483_647;

const settings = {
  name: Type.Optional(DisplayName),
  weight: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 1, description: "an integer from 1 to 1000" }),
  ),
  limits: Type.Optional(
    Type.Object(
      {
        events_per_second: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_INTEGER })),
        max_backlog: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_INTEGER })),
      },
      { ...closed, default: {} },
    ),
  ),
  retention_days: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 3650,
      description: "1 to 3650: how long events and runs are kept; default 30",
    }),
  ),
};

/** The body of a PUT of a tenant. */
export const TenantInput = Type.Object(settings, closed);

/** A tenant in responses. */
export const Tenant = Type.Object(
  { id: Id, ...settings, created_at: Instant, updated_at: Instant },
  { $id: "Tenant" },
);

/** Converts the body of a PUT to stored settings. */
export function asTenantSettings(input: Static<typeof TenantInput>): TenantSettings {
  return {
    name: input.name,
    weight: input.weight ?? 1,
    eventsPerSecond: input.limits?.events_per_second,
    maxBacklog: input.limits?.max_backlog,
    retentionDays: input.retention_days,
  };
}

/** Converts a stored tenant to its API form. */
export function asTenant(tenant: StoredTenant): Static<typeof Tenant> {
  const { name, eventsPerSecond, maxBacklog, retentionDays } = tenant;
  return {
    id: tenant.id,
    ...(name !== undefined && { name }),
    weight: tenant.weight,
    limits: {
      ...(eventsPerSecond !== undefined && { events_per_second: eventsPerSecond }),
      ...(maxBacklog !== undefined && { max_backlog: maxBacklog }),
    },
    ...(retentionDays !== undefined && { retention_days: retentionDays }),
    created_at: tenant.createdAt.toISOString(),
    updated_at: tenant.updatedAt.toISOString(),
  };
}
