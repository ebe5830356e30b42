import type { ParsedBody } from "../../domain/event/body.ts";
import { type DeliveryKey, deliveryKeys, itemKeys } from "./schemes/delivery-key.ts";
import { parseTimestamp } from "./schemes/freshness.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { itemsOf } from "./schemes/items.ts";
import type { Place, Scheme } from "./schemes/scheme.ts";
import { firstValue } from "./schemes/selector.ts";

/** What one event of a delivery is called, as far as its provider says. */
export interface DeliveredEvent {
  /** Its place in a batch; 0 where the scheme has none. */
  item: number;
  /** Any of them makes it a duplicate; the first is the one that names the event for good. */
  keys: [DeliveryKey, ...DeliveryKey[]];
  /** At most 200 characters, no control character among them. Absent: the provider did not say. */
  type?: string;
  occurredAtMs?: number;
  /** The account at the provider that it came from; written as the type is. */
  account?: string;
  /** The body, or the item of a batch; undefined when the body is unreadable. */
  data: unknown;
}

export interface DeliveryReading {
  contentType: string | undefined;
  body: ParsedBody;
  /** The events are items of an array in the body. */
  isBatch: boolean;
  /** One; or one an item where the scheme has items, and then maybe none. An unreadable body is one event. */
  events: DeliveredEvent[];
}

/** Reads the events of a delivery that the verifier found authentic. Never throws. */
export function readDelivery(scheme: Scheme, request: InboundRequest): DeliveryReading {
  const { contentType, parsed: body } = request;
  const data = body.kind === "parsed" ? body.data : undefined;
  const keys = deliveryKeys(scheme, request);
  const items = itemsOf(scheme, request);
  const events = items
    ? items.map((entry, item) => {
        const own = itemKeys(scheme, request, keys, entry, item);
        // Read as no batch, under a content type that nobody signed, it would be one event with the delivery's keys.
        return readEvent(scheme, request, item === 0 ? [...own, ...keys] : own, entry, item);
      })
    : [readEvent(scheme, request, keys, data, 0)];
  return { contentType, body, isBatch: items !== undefined, events };
}

function readEvent(
  scheme: Scheme,
  request: InboundRequest,
  keys: DeliveredEvent["keys"],
  data: unknown,
  item: number,
): DeliveredEvent {
  const nameAt = (places: readonly Place[]) => asName(firstValue(places, request, data)?.value);
  const name = nameAt(scheme.type.from);
  const suffix = scheme.type.suffix && nameAt([scheme.type.suffix]);
  const type = suffix === undefined ? name : name && asName(`${name}.${suffix}`);
  const occurred = scheme.occurred_at && firstValue(scheme.occurred_at.from, request, data);
  const occurredAtMs = occurred && parseTimestamp(occurred.value, scheme.occurred_at?.unit ?? "rfc3339");
  const account = nameAt(scheme.account ?? []);
  const event: DeliveredEvent = { item, keys, data };
  if (type !== undefined) event.type = type;
  if (occurredAtMs !== undefined) event.occurredAtMs = occurredAtMs;
  if (account !== undefined) event.account = account;
  return event;
}

/** Names are stored as text and shown: control characters and halves of surrogate pairs make them none. */
function asName(value: string | undefined): string | undefined {
  return value !== undefined && NAME.test(value) ? value : undefined;
}

const NAME = /^[^\p{Cc}\p{Cs}]{1,200}$/u;
