import type { ParsedBody } from "../../domain/event/body.ts";
import { comparedAccount } from "./account-name.ts";
import { timesOf } from "./schemes/check-scheme.ts";
import { type DeliveryKey, deliveryKeys, itemKeys } from "./schemes/delivery-key.ts";
import { parseMoment } from "./schemes/freshness.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { itemsOf } from "./schemes/items.ts";
import type { Scheme, Selector } from "./schemes/scheme.ts";
import { firstMoment, firstValue } from "./schemes/selector.ts";

/** One event of a delivery, with the values that its provider gives. */
export interface DeliveredEvent {
  /** The index in a batch. 0 if the scheme has no batches. */
  item: number;
  /** Any of these makes the event a duplicate. The first is stored with the event as its delivery key. */
  keys: DeliveryKey[];
  /** At most 200 characters without control characters. Absent if the provider gives none. */
  type?: string;
  occurredAtMs?: number;
  /** The account at the provider, in the form in which accounts are compared. */
  account?: string;
  /** The thing at the provider that the event is about, in the same form as the type. */
  subject?: string;
  /** The body, or the item of a batch. Undefined if the body is unreadable. */
  data: unknown;
}

/** A delivery as its scheme reads it. */
export interface DeliveryReading {
  contentType: string | undefined;
  body: ParsedBody;
  /** The events are items of an array in the body. */
  isBatch: boolean;
  /** One event, or one per item of a batch, possibly none. An unreadable body is one event. */
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
        // Under another, unsigned content type the body would be read as one event with the keys of the delivery.
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
  const nameAt = (selectors: readonly Selector[]) => asName(firstValue(selectors, request, data)?.value);
  const name = nameAt(scheme.type.from);
  const suffix = scheme.type.suffix && nameAt([scheme.type.suffix]);
  const type = suffix === undefined ? name : name && asName(`${name}.${suffix}`);
  const occurredAtMs = occurredAt(scheme, request, data);
  const account = nameAt(scheme.account ?? []);
  const subject = subjectOf(scheme, request, data);
  const event: DeliveredEvent = { item, keys, data };
  if (type !== undefined) event.type = type;
  if (occurredAtMs !== undefined) event.occurredAtMs = occurredAtMs;
  if (account !== undefined) event.account = comparedAccount(account);
  if (subject !== undefined) event.subject = subject;
  return event;
}

/** Returns the first value that can be stored. Another place may have a shorter name of the same thing. */
function subjectOf({ subject = [] }: Scheme, request: InboundRequest, data: unknown): string | undefined {
  for (const selector of subject) {
    const name = asName(firstValue([selector], request, data)?.value);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Returns the first time that is found in its unit, ms. */
function occurredAt(scheme: Scheme, request: InboundRequest, data: unknown): number | undefined {
  for (const { from, unit } of timesOf(scheme)) {
    const found = firstMoment(from, request, data);
    const timeMs = found === undefined ? undefined : parseMoment(found, unit);
    if (timeMs !== undefined) return timeMs;
  }
  return undefined;
}

/** Returns the value if it can be stored and shown: no control characters and no lone surrogates. */
function asName(value: string | undefined): string | undefined {
  return value !== undefined && NAME.test(value) ? value : undefined;
}

const NAME = /^[^\p{Cc}\p{Cs}]{1,200}$/u;
