import type { NormalizedEvent } from "../../domain/event.ts";
/** The content type of a CloudEvent in structured mode. */
export declare const CLOUD_EVENT_TYPE = "application/cloudevents+json";
/**
 * The event as a CloudEvent 1.0 in structured JSON, as the run of a flow sends it. `idempotencykey` is the event's:
 * the same in every run and replay, where the header `Idempotency-Key` is the run's. `traceparent` is that of the
 * delivery, where it had one. A CloudEvent has a type: an event without one is of type `unknown`.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export declare function cloudEvent(event: NormalizedEvent, runId: string): string;
