import type { NormalizedEvent } from "../../../domain/event/event.ts";
import { writeJson } from "../../../domain/json/exact-number.ts";

/** The content type of a CloudEvent in structured mode. */
export const CLOUD_EVENT_TYPE = "application/cloudevents+json";

/**
 * Returns the event as a CloudEvent 1.0 in structured JSON. `idempotencykey` is the event's, the same in every run and
 * replay; the header `Idempotency-Key` is the run's. `traceparent` is the delivery's, if it had one. The type of an event
 * without one is `unknown`.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function cloudEvent(event: NormalizedEvent, runId: string): Buffer {
  const { dataText } = event;
  if (dataText === undefined)
    return Buffer.from(writeJson({ ...attributesOf(event, runId), data: event.data }));
  // The data of a large event is sent as it was accepted: stringifying it would block the event loop.
  const attributes = JSON.stringify(attributesOf(event, runId));
  return Buffer.concat([Buffer.from(`${attributes.slice(0, -1)},"data":`), dataText, Buffer.from("}")]);
}

function attributesOf(event: NormalizedEvent, runId: string) {
  const { traceparent } = event.headers;
  return {
    specversion: "1.0",
    id: event.id,
    source: `/tenants/${encodeURIComponent(event.tenantId)}/connectors/${encodeURIComponent(event.connector)}`,
    type: event.type || "unknown",
    time: event.occurredAt,
    subject: event.subject || undefined,
    datacontenttype: "application/json",
    tenantid: event.tenantId,
    priority: event.priority,
    origin: event.source,
    idempotencykey: event.idempotencyKey,
    runid: runId,
    traceparent: TRACEPARENT.test(traceparent ?? "") ? traceparent : undefined,
  };
}

/** https://www.w3.org/TR/trace-context-1/#traceparent-header-field-values */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
