import { hash } from "node:crypto";
import { partsOf } from "./check-scheme.ts";
import { DEFAULT_TOLERANCE_S } from "./freshness.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { DeliveryIdSelector, Scheme } from "./scheme.ts";
import { firstId } from "./selector.ts";
import { twilioBody } from "./twilio-body.ts";
import { timestampText } from "./verify-content.ts";

/** A key that identifies an event as already received, and for how long. */
export interface DeliveryKey {
  /** At most 200 printable ASCII characters. The kind of key comes before the colon. */
  key: string;
  windowMs: number;
}

type Keys = [DeliveryKey, ...DeliveryKey[]];

/** Minimum deduplication window, also if the provider's own retries end sooner. */
const WINDOW_MS = 72 * 3_600_000;

/**
 * Returns the keys of a delivery, its own key first.
 *
 * - An id that is part of the signed content is the only key.
 * - An id in the signed body is a key. An unsigned id forms a key together with the hash of the body. Without an id the
 *   hash of the body is the key, for the provider's retry span.
 * - A replay can change or drop every unsigned header: an id, and also the content type, by which the id in the body is
 *   found. Therefore a second key covers only the parts that a replay cannot change.
 * - If `equal_bodies` is `event`, an unsigned id is trusted, and there is no second key.
 */
export function deliveryKeys(scheme: Scheme, request: InboundRequest): Keys {
  const { content = [], delivery_id } = scheme;
  const id = firstId(delivery_id ?? [], request);
  if (id !== undefined && content.includes("id")) return [idKey(scheme, "id", id.value)];
  const { bodyHash } = request;
  const bound = boundHash(scheme, request, bodyHash);
  const bodyKey = { key: `body:${bound}`, windowMs: retryMs(scheme) };
  if (delivery_id === undefined) return [bodyKey];
  const replayed = replayKey(scheme, request, bound) ?? bodyKey;
  if (id === undefined) return replayed === bodyKey ? [bodyKey] : [bodyKey, replayed];
  if (isInSignedBody(scheme, id.selector)) return [idKey(scheme, "id", id.value), replayed];
  const idAndBody = { key: `id+body:${hashOf([id.value, bound])}`, windowMs: knownMs(scheme) };
  return scheme.equal_bodies === "event" ? [idAndBody] : [idAndBody, replayed];
}

/** Returns the keys of an item: its own id, the same in every batch, or else its index in this batch. */
export function itemKeys(
  scheme: Scheme,
  request: InboundRequest,
  keys: Keys,
  data: unknown,
  item: number,
): Keys {
  const selectors =
    scheme.delivery_id?.filter((selector) => partsOf(selector).some((part) => "item" in part)) ?? [];
  const id = firstId(selectors, request, data);
  if (id !== undefined) return [idKey(scheme, "item", id.value)];
  return keys.map(({ key, windowMs }) => ({ key: `${item}/${key}`, windowMs })) as Keys;
}

/**
 * Returns the key of a replay with the same signed time, which is valid for the freshness window. The same body with
 * another signed time is no duplicate. Undefined if no time is signed: then the key of the body is used.
 */
function replayKey(scheme: Scheme, request: InboundRequest, bound: string): DeliveryKey | undefined {
  const timestamp = timestampText(scheme, request);
  if (timestamp === undefined) return undefined;
  const { tolerance_s = DEFAULT_TOLERANCE_S } = scheme.timestamp ?? {};
  return { key: `replay:${hashOf([timestamp, bound])}`, windowMs: 2 * (tolerance_s + 1) * 1_000 };
}

/**
 * Hashes the body, with the URL if the signature covers it or covers nothing: a GET has no body to distinguish it. A
 * form has several encodings with the same Twilio signature, and all of them hash alike.
 */
function boundHash({ content }: Scheme, request: InboundRequest, bodyHash: string): string {
  if (content?.includes("twilio_body")) return hashOf([request.url, twilioBody(request) || bodyHash]);
  const bindsUrl = content === undefined || content.includes("url");
  return bindsUrl ? hashOf([request.method, request.url, bodyHash]) : bodyHash;
}

function isInSignedBody({ content = [] }: Scheme, selector: DeliveryIdSelector): boolean {
  return content.includes("body") && partsOf(selector).every((part) => "body" in part);
}

/** Hashes an id that is long or not printable ASCII. */
function idKey(scheme: Scheme, kind: string, id: string): DeliveryKey {
  const key = /^[\x21-\x7e]{1,150}$/.test(id) ? `${kind}:${id}` : `${kind}-hash:${hashOf([id])}`;
  return { key, windowMs: knownMs(scheme) };
}

function retryMs(scheme: Scheme): number {
  return scheme.retry_span_s * 1_000;
}

function knownMs(scheme: Scheme): number {
  return Math.max(WINDOW_MS, retryMs(scheme));
}

/** Returns SHA-256 in hex over the parts as a JSON array, so that no two lists of parts hash alike. */
function hashOf(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts));
}
