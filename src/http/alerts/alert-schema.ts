import { type Static, Type } from "typebox";
import type { StoredAlert } from "../../postgres/alerts/alerts.ts";
import { EVERY_TENANT } from "../../postgres/dead-letters/policies.ts";
import { Instant, nullable, Uuid } from "../field-schemas.ts";

/** An alert in responses. */
export const Alert = Type.Object(
  {
    id: Uuid,
    tenant_id: nullable(Type.String({ description: "null if it concerns the whole installation" })),
    kind: Type.String({ description: "dlq.depth, dlq.oldest and others" }),
    subject: Type.String({ description: 'The subject among several of this kind; "" if there is only one.' }),
    status: Type.Enum(["open", "resolved"]),
    message: Type.String(),
    value: nullable(Type.Number({ description: "The measured value when the alert was opened." })),
    threshold: nullable(Type.Number()),
    resolved_value: nullable(Type.Number({ description: "The measured value when it was resolved." })),
    details: Type.Record(Type.String(), Type.Unknown()),
    opened_at: Instant,
    resolved_at: nullable(Instant),
    notices: Type.Array(
      Type.Object({
        change: Type.Enum(["opened", "resolved"]),
        state: Type.Enum(["due", "delivered", "untold", "failed"], {
          description:
            "The state of the webhook call: untold if no webhook is configured, failed after the last retry.",
        }),
        attempts: Type.Integer(),
        last_error: nullable(Type.String()),
      }),
    ),
  },
  { $id: "Alert" },
);

/** Converts a stored alert to its API form. */
export function asAlert(alert: StoredAlert): Static<typeof Alert> {
  return {
    id: alert.id,
    tenant_id: alert.tenantId === EVERY_TENANT ? null : alert.tenantId,
    kind: alert.kind,
    subject: alert.subject,
    status: alert.resolvedAt === undefined ? "open" : "resolved",
    message: alert.message,
    value: alert.value ?? null,
    threshold: alert.threshold ?? null,
    resolved_value: alert.resolvedValue ?? null,
    details: alert.details,
    opened_at: alert.openedAt.toISOString(),
    resolved_at: alert.resolvedAt?.toISOString() ?? null,
    notices: alert.notices,
  };
}
