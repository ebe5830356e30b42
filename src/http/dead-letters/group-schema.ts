import { type Static, Type } from "typebox";
import type { DeadLetterGroup as StoredGroup } from "../../postgres/dead-letters/groups.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** Dead letters with the same cause in responses. */
export const DeadLetterGroup = Type.Object(
  {
    fingerprint: Type.String(),
    count: Type.Integer(),
    pending: Type.Integer({ description: "Dead letters of the group that wait for a replay." }),
    first_seen: Instant,
    last_seen: Instant,
    stage: Type.Enum(["normalize", "route", "execute"]),
    flow_id: nullable(Id),
    connector: Id,
    error_message: Type.String({ description: "Of the newest dead letter, as are connector and flow_id." }),
    newest_id: Uuid,
    newest_tenant_id: Id,
    tenants: Type.Integer({ description: "The number of tenants with dead letters of the group." }),
  },
  { $id: "DeadLetterGroup" },
);

/** Converts a stored group to its API form. */
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
