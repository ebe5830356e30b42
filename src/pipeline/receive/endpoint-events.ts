import { randomUUID } from "node:crypto";
import { priorityOf } from "../../domain/priority.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import type { DeliveryReading } from "./delivery.ts";
import type { KnownEndpoint } from "./endpoint-cache.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { keptHeaders } from "./schemes/kept-headers.ts";
import { tokenPaths } from "./token-paths.ts";

/** The events of a delivery that belong to one endpoint. */
export interface EndpointEvents {
  events: NewEvent[];
  /** Items that were left out: those of other accounts, or of none. */
  leftOut: number;
}

/**
 * Selects the events of an authentic delivery that belong to the endpoint. If the endpoint names its account and the
 * scheme has accounts, only events of that account belong to it: an app signs the deliveries of all its accounts with
 * one secret. If it names none, the accounts in `others` are left out. Tokens are cut out of what is stored; the keys of
 * the events were made of the bytes that came.
 */
export function eventsOfEndpoint(
  endpoint: KnownEndpoint,
  request: InboundRequest,
  { delivery, others }: { delivery: DeliveryReading; others?: ReadonlySet<string> },
): EndpointEvents {
  const { name, scheme, account } = endpoint;
  const headers = keptHeaders(scheme, request);
  const isBound = account !== undefined && scheme.account !== undefined;
  const own = isBound
    ? delivery.events.filter((event) => event.account === account)
    : others === undefined || others.size === 0
      ? delivery.events
      : delivery.events.filter((event) => event.account === undefined || !others.has(event.account));
  // The fields are written one by one: this runs for every delivery, and object spread costs more than verification.
  // An item is cut out of its delivery and stored as JSON, whatever the content type of the delivery.
  const places = tokenPaths(scheme);
  const texts = delivery.isBatch
    ? request.withoutTokens(request.textsOf(own.map((event) => event.data)), places.item)
    : undefined;
  const [body = request.body] = delivery.isBatch ? [] : request.withoutTokens([request.body], places.body);
  const events = own.map(
    (event, index): NewEvent => ({
      tenantId: name.tenantId,
      connector: name.connector,
      endpoint: name.endpoint,
      type: event.type,
      source: "webhook",
      priority: priorityOf("webhook"),
      subject: event.subject,
      occurredAtMs: event.occurredAtMs,
      // An event without keys is never a duplicate, so its delivery key must differ from all others.
      deliveryKey: event.keys[0]?.key ?? `delivery:${randomUUID()}`,
      item: event.item,
      headers,
      contentType: delivery.isBatch ? "application/json" : delivery.contentType,
      payload: texts?.[index] ?? body,
      keys: event.keys,
    }),
  );
  return { events, leftOut: delivery.events.length - events.length };
}
