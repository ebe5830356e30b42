import { isUtf8 } from "node:buffer";
import { type Static, Type } from "typebox";
import { parseBodySlices } from "../../domain/event/body.ts";
import { stringifySlices } from "../../domain/json/stringify-slices.ts";
import { wantedPaths } from "../../domain/json/wanted.ts";
import type { Slices } from "../../domain/slices.ts";
import type { StoredDeadLetter } from "../../postgres/dead-letters/dead-letters.ts";
import { inTurns } from "../../runtime/turns.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";
import { JSON_TEXT_BYTES, JsonText } from "../server/json-text.ts";

/** A dead letter in responses. */
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
        "The complete original: a JSON body as JSON, other UTF-8 as { text }, other bytes as { base64 }. " +
        "null after it was erased.",
    }),
    content_type: nullable(Type.String({ description: "Of the original." })),
    edited_payload: Type.Optional(
      Type.Unknown({
        description:
          "The payload of a replay, if one was given. Later replays use it instead of the original.",
      }),
    ),
    stage: Type.Enum(["normalize", "route", "execute"]),
    error_message: Type.String(),
    error_context: Type.Record(Type.String(), Type.Unknown(), {
      description: "stage, step, connector, endpoint, stack and other details of the failure.",
    }),
    fingerprint: Type.String({ description: "Equal for failures with the same cause." }),
    status: Type.Enum(["pending", "replayed", "expired"]),
    retry_count: Type.Integer({ description: "The number of replays that were tried." }),
    replay_run_id: nullable({ ...Uuid, description: "The replay in progress; there is at most one." }),
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "DeadLetter" },
);

/** Converts a dead letter to its API form, and returns the JSON texts in it in order. */
export async function asDeadLetter(
  letter: StoredDeadLetter,
): Promise<{ shown: Static<typeof DeadLetter>; texts: JsonText[] }> {
  const [payload, edited] = [letter.payload, letter.editedPayload];
  const shownPayload = payload === undefined ? null : await inTurns(showPayload(payload));
  const shownEdited = edited === undefined ? undefined : await inTurns(showPayload(edited));
  const texts = [shownPayload, shownEdited].filter((one) => one instanceof JsonText);
  return { shown: withPayloads(letter, shownPayload, shownEdited), texts };
}

function withPayloads(
  letter: StoredDeadLetter,
  payload: unknown,
  edited: unknown,
): Static<typeof DeadLetter> {
  return {
    id: letter.id,
    tenant_id: letter.tenantId,
    connector: letter.connector,
    endpoint: letter.endpoint,
    event_id: letter.eventId,
    event_type: letter.eventType ?? null,
    flow_id: letter.flowId ?? null,
    run_id: letter.runId ?? null,
    event_payload: payload,
    content_type: letter.contentType ?? null,
    ...(edited !== undefined && { edited_payload: edited }),
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

/** Returns the payload in a form that JSON can carry, whatever its content type. */
function* showPayload(payload: Buffer): Slices<unknown> {
  const body = { contentType: "application/json", body: payload, wanted: NOTHING };
  const json = yield* parseBodySlices(body);
  if (json.kind === "parsed" && payload.length > 0)
    return json.json !== undefined && payload.length > JSON_TEXT_BYTES ? new JsonText(json.json) : json.data;
  const shown = isUtf8(payload) ? { text: payload.toString() } : { base64: payload.toString("base64") };
  if (payload.length <= JSON_TEXT_BYTES) return shown;
  return new JsonText(Buffer.from(yield* stringifySlices(shown)));
}

/** For a large body it only matters whether it is JSON: no values are read. */
const NOTHING = wantedPaths([]);
