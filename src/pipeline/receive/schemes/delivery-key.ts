import { hash } from "node:crypto";
import { partsOf } from "./check-scheme.ts";
import { DEFAULT_TOLERANCE_S } from "./freshness.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { DeliveryIdPlace, Scheme } from "./scheme.ts";
import { firstId } from "./selector.ts";
import { twilioBody } from "./twilio-body.ts";
import { timestampText } from "./verify-content.ts";

/** A key under which an event is known to have come before, and for how long it counts. */
export interface DeliveryKey {
  /** At most 200 printable ASCII characters; what kind of key it is stands before the colon. */
  key: string;
  windowMs: number;
}

type Keys = [DeliveryKey, ...DeliveryKey[]];

/** How long a delivery is known at least, also where the provider's own retries end sooner. */
const WINDOW_MS = 72 * 3_600_000;

/**
 * The keys of a delivery, its own first.
 *
 * - An id that is part of the signed content is the key.
 * - An id in the signed body is the key, and one that is not signed counts together with the hash of the body.
 *   Without an id the hash of the body is the key, for as long as the provider may send it again.
 * - Where equal bodies are events of their own, an id that is not signed is believed.
 * - Whoever replays a delivery can change or drop every header that is not signed: an id, and also the content
 *   type, by which the body's id is found. So a key over what a replay cannot change stands beside.
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
  if (isInSignedBody(scheme, id.place)) return [idKey(scheme, "id", id.value), replayed];
  const idAndBody = { key: `id+body:${hashOf([id.value, bound])}`, windowMs: knownMs(scheme) };
  return scheme.equal_bodies === "event" ? [idAndBody] : [idAndBody, replayed];
}

/** The keys of one item: its own id where it has one, in whatever batch it comes again, else its place in this one. */
export function itemKeys(
  scheme: Scheme,
  request: InboundRequest,
  keys: Keys,
  data: unknown,
  item: number,
): Keys {
  const places = scheme.delivery_id?.filter((place) => partsOf(place).some((part) => "item" in part)) ?? [];
  const id = firstId(places, request, data);
  if (id !== undefined) return [idKey(scheme, "item", id.value)];
  return keys.map(({ key, windowMs }) => ({ key: `${item}/${key}`, windowMs })) as Keys;
}

/**
 * Where the time is signed, a replay has the same and ends with the freshness window: the same body, sent anew
 * under another id, is no duplicate there. Elsewhere the key of the body has to do.
 */
function replayKey(scheme: Scheme, request: InboundRequest, bound: string): DeliveryKey | undefined {
  const timestamp = timestampText(scheme, request);
  if (timestamp === undefined) return undefined;
  const { tolerance_s = DEFAULT_TOLERANCE_S } = scheme.timestamp ?? {};
  return { key: `replay:${hashOf([timestamp, bound])}`, windowMs: 2 * (tolerance_s + 1) * 1_000 };
}

/**
 * The body, and the URL where the signature covers it, or covers nothing: a GET has no body to tell it by. A form
 * can be written in several ways that Twilio's signature does not tell apart: they are one.
 */
function boundHash({ content }: Scheme, request: InboundRequest, bodyHash: string): string {
  if (content?.includes("twilio_body")) return hashOf([request.url, twilioBody(request) || bodyHash]);
  const bindsUrl = content === undefined || content.includes("url");
  return bindsUrl ? hashOf([request.method, request.url, bodyHash]) : bodyHash;
}

function isInSignedBody({ content = [] }: Scheme, place: DeliveryIdPlace): boolean {
  return content.includes("body") && partsOf(place).every((part) => "body" in part);
}

/** An id that is long, or holds more than printable ASCII, is known by its hash. */
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

/** SHA-256 in hex over the parts as a JSON array, so that no two lists of parts hash alike. */
function hashOf(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts));
}
