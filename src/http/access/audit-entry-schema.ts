import { type Static, Type } from "typebox";
import type { AuditEntry as StoredAuditEntry } from "../../postgres/access/audit.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** An audit entry in responses: a call or command that changed something. */
export const AuditEntry = Type.Object(
  {
    id: Uuid,
    at: Instant,
    tenant_id: nullable(Id),
    key: Type.Object(
      { id: nullable(Type.String()), name: Type.String() },
      { description: "the API key with its name at the time; a command has its own name and no id" },
    ),
    route: Type.String({ description: "method and route, or the command" }),
    object: Type.String({ description: "the changed object: flows/orders, tenants/acme, keys/<id>" }),
    difference: Type.Record(
      Type.String(),
      Type.Union([Type.Literal("changed"), Type.Object({ from: Type.Unknown(), to: Type.Unknown() })]),
      {
        description:
          "the change of each field, as table.path; `changed` for secrets and long values. Empty for an action",
      },
    ),
    request_id: nullable(Type.String({ description: "X-Request-Id of the response" })),
  },
  { $id: "AuditEntry" },
);

/** Converts a stored audit entry to its API form. */
export function asAuditEntry(entry: StoredAuditEntry): Static<typeof AuditEntry> {
  return {
    id: entry.id,
    at: entry.at.toISOString(),
    tenant_id: entry.tenantId ?? null,
    key: { id: entry.key.id ?? null, name: entry.key.name },
    route: entry.route,
    object: entry.object,
    difference: entry.difference,
    request_id: entry.requestId ?? null,
  };
}
