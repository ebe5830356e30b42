/** The content type of a CloudEvent in structured mode. */
export const CLOUD_EVENT_TYPE = "application/cloudevents+json";
/**
 * The event as a CloudEvent 1.0 in structured JSON, as the run of a flow sends it. `idempotencykey` is the event's:
 * the same in every run and replay, where the header `Idempotency-Key` is the run's. `traceparent` is that of the
 * delivery, where it had one. A CloudEvent has a type: an event without one is of type `unknown`.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function cloudEvent(event, runId) {
    const { traceparent } = event.headers;
    return JSON.stringify({
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
        data: event.data,
    });
}
/** https://www.w3.org/TR/trace-context-1/#traceparent-header-field-values */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
//# sourceMappingURL=cloud-event.js.map