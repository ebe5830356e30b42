import { isUtf8 } from "node:buffer";
import { type Static, Type } from "typebox";
import { parseBody } from "../../domain/body.ts";
import type { StoredDeadLetter } from "../../postgres/dead-letters.ts";
import { Id, Instant, nullable, Uuid } from "./fields.ts";

/** A dead letter as it is shown. */
export const DeadLetter = Type.Object(
  {
    id: Uuid,
    tenant_id: Id,
    connector: Id,
    endpoint: Id,
    event_id: Uuid,
    event_type: nullable(Type.String()),
    flow_id: nullable(Id),
    run_id: nullable(Uuid),
    event_payload: Type.Unknown({
      description:
        "The full original: a JSON body as it is; another as { text } where it is UTF-8, else as { base64 }. " +
        "null when it was erased.",
    }),
    content_type: nullable(Type.String({ description: "Of the original." })),
    edited_payload: Type.Optional(
      Type.Unknown({
        description: "There where a replay was given a payload: what the replays take instead.",
      }),
    ),
    stage: Type.Enum(["normalize", "route", "execute"]),
    error_message: Type.String(),
    error_context: Type.Record(Type.String(), Type.Unknown(), {
      description: "stage, step, connector, endpoint, stack and what else is known of the failure.",
    }),
    fingerprint: Type.String({ description: "The same for failures with one cause." }),
    status: Type.Enum(["pending", "replayed", "expired"]),
    retry_count: Type.Integer({ description: "How often a replay was tried." }),
    replay_run_id: nullable({ ...Uuid, description: "The replay that has not ended; there is no other." }),
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "DeadLetter" },
);

export function asDeadLetter(letter: StoredDeadLetter): Static<typeof DeadLetter> {
  return {
    id: letter.id,
    tenant_id: letter.tenantId,
    connector: letter.connector,
    endpoint: letter.endpoint,
    event_id: letter.eventId,
    event_type: letter.eventType ?? null,
    flow_id: letter.flowId ?? null,
    run_id: letter.runId ?? null,
    event_payload: letter.payload === undefined ? null : showPayload(letter.payload),
    content_type: letter.contentType ?? null,
    ...(letter.editedPayload !== undefined && { edited_payload: showPayload(letter.editedPayload) }),
    stage: letter.stage,
    error_message: letter.errorMessage,
    error_context: letter.errorContext,
    fingerprint: letter.fingerprint,
    status: letter.status,
    retry_count: letter.retryCount,
    replay_run_id: letter.replayRunId ?? null,
    created_at: letter.createdAt.toISOString(),
    updated_at: letter.updatedAt.toISOString(),
  };
}

/** The bytes as JSON can show them, whatever content type they came with. */
export function showPayload(payload: Buffer): unknown {
  const json = parseBody({ contentType: "application/json", body: payload });
  if (json.kind === "parsed" && payload.length > 0) return json.data;
  return isUtf8(payload) ? { text: payload.toString() } : { base64: payload.toString("base64") };
}
