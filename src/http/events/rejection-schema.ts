import { type Static, Type } from "typebox";
import type { Reason } from "../../pipeline/receive/receiver.ts";
import { REASONS } from "../../pipeline/receive/rejection-reasons.ts";
import type { StoredRejection } from "../../postgres/events/rejections.ts";
import { Instant, nullable, Uuid } from "../field-schemas.ts";

/** A rejected delivery in responses, without its body and headers. */
export const Rejection = Type.Object(
  {
    id: Uuid,
    tenant_id: nullable(Type.String({ description: "null if there is no such tenant" })),
    connector: nullable(Type.String()),
    endpoint: nullable(Type.String()),
    reason: Type.String({ description: `one of ${Object.keys(REASONS).join(", ")}` }),
    message: Type.String({ description: "the meaning of the reason" }),
    method: Type.String(),
    body_bytes: Type.Integer(),
    remote_address: Type.String(),
    count: Type.Integer({ description: "the number of equal rejections within a second" }),
    rejected_at: Instant,
  },
  { $id: "Rejection" },
);

/** Converts a stored rejection to its API form. */
export function asRejection(rejection: StoredRejection): Static<typeof Rejection> {
  return {
    id: rejection.id,
    tenant_id: rejection.tenantId ?? null,
    connector: rejection.connector ?? null,
    endpoint: rejection.endpoint ?? null,
    reason: rejection.reason,
    message: REASONS[rejection.reason as Reason] ?? rejection.reason,
    method: rejection.method,
    body_bytes: rejection.bodyBytes,
    remote_address: rejection.remoteAddress,
    count: rejection.count,
    rejected_at: rejection.rejectedAt.toISOString(),
  };
}
