import { type Static, Type } from "typebox";
import type { DeadLetterGroup as StoredGroup } from "../../postgres/dead-letters/groups.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** Dead letters with one cause, as they are shown. */
export const DeadLetterGroup = Type.Object(
  {
    fingerprint: Type.String(),
    count: Type.Integer(),
    pending: Type.Integer({ description: "Those of them that wait for a replay." }),
    first_seen: Instant,
    last_seen: Instant,
    stage: Type.Enum(["normalize", "route", "execute"]),
    flow_id: nullable(Id),
    connector: Id,
    error_message: Type.String({ description: "Of the newest of them, as connector and flow_id are." }),
    newest_id: Uuid,
    newest_tenant_id: Id,
    tenants: Type.Integer({ description: "How many tenants have some." }),
  },
  { $id: "DeadLetterGroup" },
);

export function asDeadLetterGroup(group: StoredGroup): Static<typeof DeadLetterGroup> {
  const { newest } = group;
  return {
    fingerprint: group.fingerprint,
    count: group.count,
    pending: group.pending,
    first_seen: group.firstSeen.toISOString(),
    last_seen: group.lastSeen.toISOString(),
    stage: newest.stage,
    flow_id: newest.flowId ?? null,
    connector: newest.connector,
    error_message: newest.errorMessage,
    newest_id: newest.id,
    newest_tenant_id: newest.tenantId,
    tenants: group.tenants,
  };
}
