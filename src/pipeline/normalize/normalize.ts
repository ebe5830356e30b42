import { parseBody } from "../../domain/body.ts";
import type { NormalizedEvent } from "../../domain/event.ts";
import { idempotencyKey } from "../../domain/idempotency-key.ts";
import type { StoredEvent } from "../../postgres/events.ts";

export type Normalized =
  | { kind: "normalized"; event: NormalizedEvent }
  /** The body cannot be read; the reason names what was expected. */
  | { kind: "unreadable"; reason: string };

/** Makes the one shape that every event has from the bytes that were accepted. Pure: twice gives the same. */
export function normalize(stored: StoredEvent): Normalized {
  const body = parseBody({ contentType: stored.contentType, body: stored.payload });
  if (body.kind === "unreadable") return body;
  return {
    kind: "normalized",
    event: {
      id: stored.id,
      tenantId: stored.tenantId,
      connector: stored.connector,
      endpoint: stored.endpoint,
      type: stored.type ?? "",
      source: stored.source,
      priority: stored.priority,
      subject: stored.subject,
      occurredAt: new Date(stored.occurredAtMs ?? stored.receivedAtMs).toISOString(),
      receivedAt: new Date(stored.receivedAtMs).toISOString(),
      idempotencyKey: idempotencyKey(stored),
      headers: stored.headers,
      data: body.data,
      ...stored.synthetic,
    },
  };
}
