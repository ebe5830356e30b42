import { parseBody } from "../../domain/body.ts";
import type { NormalizedEvent } from "../../domain/event.ts";
import { idempotencyKey } from "../../domain/idempotency-key.ts";
import type { StoredEvent } from "../../postgres/events.ts";

export type Normalized =
  | { kind: "normalized"; event: NormalizedEvent }
  /** The body cannot be read; the reason names what was expected. */
  | { kind: "unreadable"; reason: string };

/** The stage where an event is routed and executed in one process. */
export interface Normalizer {
  /** Normalizes an event that was loaded to be routed. */
  toRoute(stored: StoredEvent): Normalized;
  /**
   * Normalizes it for a run. The first run of an event that was routed here is given what the router read, the others
   * read it anew: a flow's handler may change its event.
   */
  toRun(stored: StoredEvent): Normalized;
}

export function createNormalizer(): Normalizer {
  // For as long as the event itself is kept, which has a bound.
  const routed = new WeakMap<StoredEvent, Normalized>();
  return {
    toRoute(stored) {
      const normalized = normalize(stored);
      routed.set(stored, normalized);
      return normalized;
    },
    toRun(stored) {
      const normalized = routed.get(stored);
      routed.delete(stored);
      return normalized ?? normalize(stored);
    },
  };
}

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
