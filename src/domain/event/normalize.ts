import type { Wanted } from "../json/wanted.ts";
import type { Slices } from "../slices.ts";
import type { AcceptedEvent } from "./accepted-event.ts";
import { LARGE_BODY_BYTES, type ParsedBody, parseBody, parseBodySlices } from "./body.ts";
import type { NormalizedEvent } from "./event.ts";
import { idempotencyKey } from "./idempotency-key.ts";

/** The outcome of normalising an accepted event. */
export type Normalized =
  | {
      kind: "normalized";
      event: NormalizedEvent;
      /** The JSON text of all the data, if the payload contains it. */
      json?: Buffer;
    }
  /** The body cannot be read; the reason names the expected form. */
  | { kind: "unreadable"; reason: string };

/** Makes the one shape that every event has from the accepted bytes. Pure: the same event gives the same result. */
export function normalize(accepted: AcceptedEvent): Normalized {
  return withBody(accepted, parseBody({ contentType: accepted.contentType, body: accepted.payload }));
}

/** As `normalize`, in slices of some milliseconds; of a large body only the `wanted` part is kept. */
export function* normalizeInSlices(accepted: AcceptedEvent, wanted?: Wanted): Slices<Normalized> {
  const { contentType, payload: body } = accepted;
  return withBody(accepted, yield* parseBodySlices({ contentType, body, wanted }));
}

/** Whether an event must be normalised in slices so that it does not block the event loop. */
export function isLarge({ payload }: { payload: Buffer }): boolean {
  return payload.length > LARGE_BODY_BYTES;
}

function withBody(accepted: AcceptedEvent, body: ParsedBody): Normalized {
  if (body.kind === "unreadable") return body;
  return {
    kind: "normalized",
    ...(body.json && { json: body.json }),
    event: {
      id: accepted.id,
      tenantId: accepted.tenantId,
      connector: accepted.connector,
      endpoint: accepted.endpoint,
      type: accepted.type ?? "",
      source: accepted.source,
      priority: accepted.priority,
      subject: accepted.subject,
      occurredAt: new Date(accepted.occurredAtMs ?? accepted.receivedAtMs).toISOString(),
      receivedAt: new Date(accepted.receivedAtMs).toISOString(),
      idempotencyKey: idempotencyKey(accepted),
      headers: accepted.headers,
      data: body.data,
      ...accepted.synthetic,
    },
  };
}
