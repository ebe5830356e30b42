import { type Static, Type } from "typebox";
import type { Explanation } from "../../domain/condition/explain.ts";
import type { SyntheticDetail } from "../../domain/event/event.ts";
import { idempotencyKey } from "../../domain/event/idempotency-key.ts";
import type { Normalized } from "../../domain/event/normalize.ts";
import { EVENT_STATUSES, type EventStatus, type StoredEvent } from "../../postgres/events/events.ts";
import { closed, Id, Instant, line, nullable, Priority, reference, Uuid } from "../field-schemas.ts";
import { Run } from "../runs/run-schema.ts";
import type { JsonText } from "../server/json-text.ts";

/** The origin of an event. */
export const EventSource = Type.Enum(["webhook", "poll", "api", "schedule", "replay"]);
/** The status of an event. */
export const EventStatusName = Type.Enum([...EVENT_STATUSES]);

/** An event in the body of a POST. */
export const EventInput = Type.Object(
  {
    connector: Type.Optional(Id),
    type: line(200),
    data: Type.Unknown({ description: "any JSON value" }),
    subject: Type.Optional(line(500)),
    occurred_at: Type.Optional(Instant),
    idempotency_key: Type.Optional(line(200)),
    priority: Type.Optional(Priority),
  },
  closed,
);

const shown = {
  id: Uuid,
  tenant_id: Id,
  connector: Id,
  endpoint: Id,
  type: nullable(Type.String({ description: "null if the provider gives none" })),
  source: EventSource,
  priority: Priority,
  subject: nullable(Type.String()),
  status: EventStatusName,
  occurred_at: Type.String({
    format: "date-time",
    description: "The time of the change, or else the time of receipt.",
  }),
  received_at: Instant,
  idempotency_key: Type.String({ description: "SHA-256 in hex, equal for the same event." }),
  data: Type.Unknown({ description: "null if the body cannot be normalised, or was erased" }),
  erased_at: Type.Optional(Type.String({ format: "date-time", description: "When its data were erased." })),
  changes: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        from: Type.Optional(Type.Unknown()),
        to: Type.Optional(Type.Unknown()),
        truncated: Type.Optional(
          Type.Boolean({ description: "The values are too large, or were not stored." }),
        ),
      }),
      { description: "The field diff of a synthetic event, by JSON pointer." },
    ),
  ),
  changes_omitted: Type.Optional(Type.Integer({ description: "Changes beyond those shown." })),
  final_state_unknown: Type.Optional(
    Type.Boolean({ description: "The record is gone and its values were not stored: data is only its id." }),
  ),
  truncated: Type.Optional(
    Type.Boolean({ description: "The record is too large for an event: data is only its id." }),
  ),
  missed_by_webhook: Type.Optional(
    Type.Boolean({ description: "A poll found a change that the connector's webhooks did not report." }),
  ),
};

/** An event in responses. */
export const Event = Type.Object(shown, { $id: "Event" });

const TimelineEntry = Type.Object({
  stage: Type.Enum(["receive", "normalize", "route", "execute"]),
  what: Type.String({ description: "accepted, unreadable, routed, unmatched, dead, or the status of a run" }),
  at: Instant,
  run_id: Type.Optional(Uuid),
  flow_id: Type.Optional(Id),
  detail: Type.Optional(Type.String()),
});

const RoutingVerdict = Type.Object({
  flow_id: Id,
  version: Type.Integer(),
  matched: Type.Boolean(),
  clause: Type.Optional(Type.String({ description: "The first failing part of the condition, as text." })),
  seen: Type.Optional(
    Type.Array(
      Type.Object({
        path: Type.String(),
        value: nullable(
          Type.String({ description: "The event's value there as JSON; null if there is none" }),
        ),
      }),
    ),
  ),
});

/** An event in responses, with its timeline, runs and routing. */
export const EventDetail = Type.Object(
  {
    ...shown,
    timeline: Type.Array(TimelineEntry, { description: "In chronological order." }),
    runs: Type.Array(reference(Run)),
    routing: Type.Array(RoutingVerdict, {
      description:
        "Every flow that was deployed for its connector and type when it was accepted, started flows first; at most 10000.",
    }),
  },
  { $id: "EventDetail" },
);

/** An entry in the timeline of an event. */
export type TimelineEntry = Static<typeof TimelineEntry>;

/** Converts the explanation of one flow to its API form. */
export function asRouting(
  verdict: { flowId: string; version: number } & Explanation,
): Static<typeof RoutingVerdict> {
  const { flowId: flow_id, version } = verdict;
  if (verdict.matched) return { flow_id, version, matched: true };
  return { flow_id, version, matched: false, clause: verdict.clause, seen: verdict.seen };
}

/** Converts a stored event to its API form. `text` replaces its data if it is large. */
export function asEvent(
  stored: StoredEvent,
  status: EventStatus,
  normalized: Normalized,
  text: JsonText | undefined,
): Static<typeof Event> {
  const event = normalized.kind === "normalized" ? normalized.event : undefined;
  return {
    id: stored.id,
    tenant_id: stored.tenantId,
    connector: stored.connector,
    endpoint: stored.endpoint,
    type: stored.type ?? null,
    source: stored.source,
    priority: stored.priority,
    subject: stored.subject ?? null,
    status,
    occurred_at: new Date(stored.occurredAtMs ?? stored.receivedAtMs).toISOString(),
    received_at: new Date(stored.receivedAtMs).toISOString(),
    idempotency_key: idempotencyKey(stored),
    data: stored.erasedAt === undefined ? (text ?? event?.data ?? null) : null,
    ...(stored.erasedAt !== undefined && { erased_at: stored.erasedAt.toISOString() }),
    ...asSynthetic(stored.synthetic ?? {}),
  };
}

function asSynthetic(detail: SyntheticDetail) {
  return {
    ...(detail.changes !== undefined && { changes: detail.changes }),
    ...(detail.changesOmitted !== undefined && { changes_omitted: detail.changesOmitted }),
    ...(detail.finalStateUnknown && { final_state_unknown: true }),
    ...(detail.truncated && { truncated: true }),
    ...(detail.missedByWebhook && { missed_by_webhook: true }),
  };
}
