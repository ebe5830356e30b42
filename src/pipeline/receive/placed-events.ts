import { priorityOf } from "../../domain/priority.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import type { DeliveryReading } from "./delivery.ts";
import type { KnownEndpoint } from "./endpoint-cache.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { keptHeaders } from "./schemes/kept-headers.ts";

export interface PlacedEvents {
  events: NewEvent[];
  /** Items of other accounts, or of none: they are not this endpoint's. */
  leftOut: number;
}

/**
 * The events of an authentic delivery that are this endpoint's. Where it names its account, and the provider says of
 * which account an event is, all others are left out: an app's one secret signs the deliveries of every account. Where
 * it names none, those of `others` are.
 */
export function placedEvents(
  endpoint: KnownEndpoint,
  request: InboundRequest,
  { delivery, others }: { delivery: DeliveryReading; others?: ReadonlySet<string> },
): PlacedEvents {
  const { name, scheme, account } = endpoint;
  const headers = keptHeaders(scheme, request);
  const isBound = account !== undefined && scheme.account !== undefined;
  const own = isBound
    ? delivery.events.filter((event) => event.account === account)
    : others === undefined || others.size === 0
      ? delivery.events
      : delivery.events.filter((event) => event.account === undefined || !others.has(event.account));
  // Field by field: this is made for every delivery, and spreading objects into it takes longer than verifying it.
  // An item of a batch is cut out of its delivery, and is JSON whatever the delivery was.
  const texts = delivery.isBatch ? request.textsOf(own.map((event) => event.data)) : undefined;
  const events = own.map(
    (event, index): NewEvent => ({
      tenantId: name.tenantId,
      connector: name.connector,
      endpoint: name.endpoint,
      type: event.type,
      source: "webhook",
      priority: priorityOf("webhook"),
      subject: undefined,
      occurredAtMs: event.occurredAtMs,
      deliveryKey: event.keys[0].key,
      item: event.item,
      headers,
      contentType: delivery.isBatch ? "application/json" : delivery.contentType,
      payload: texts?.[index] ?? request.body,
      keys: event.keys,
    }),
  );
  return { events, leftOut: delivery.events.length - events.length };
}
