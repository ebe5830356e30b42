import { hash } from "node:crypto";
import { partsOf } from "./check-scheme.ts";
import { boundUrl } from "./forms/url-forms.ts";
import { freshnessWindow } from "./freshness.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { DeliveryIdSelector, Scheme } from "./scheme.ts";
import { firstId, firstValue } from "./selector.ts";
import { twilioBody } from "./twilio-body.ts";
import { timestampText } from "./verify-content.ts";

/** A key that identifies an event as already received, and for how long. */
export interface DeliveryKey {
  /** At most 200 printable ASCII characters. The kind of key comes before the colon. */
  key: string;
  windowMs: number;
}

/** Minimum deduplication window, also if the provider's own retries end sooner. */
const WINDOW_MS = 72 * 3_600_000;

/**
 * Returns the keys of a delivery, its own key first.
 *
 * - An id that is part of the signed content is the only key.
 * - An id in the signed body is a key together with the type, because some senders repeat the id of a thing in all its
 *   events. An unsigned id forms a key together with the hash of the body. Without an id the hash of the body is the key,
 *   for the provider's retry span.
 * - A replay can change or drop every unsigned header: an id, and also the content type, by which the id in the body is
 *   found. Therefore a second key covers only the body and the type.
 * - If `equal_bodies` is `event`, an unsigned id is trusted, and there is no second key. Without an id there is no key:
 *   every delivery is an event. If retries keep their time, the key of the signed time stays: without it anyone could
 *   replay a delivery for the whole span.
 */
export function deliveryKeys(scheme: Scheme, request: InboundRequest): DeliveryKey[] {
  const { content = [], delivery_id } = scheme;
  const id = firstId(delivery_id ?? [], request);
  if (id !== undefined && content.includes("id")) return [idKey(scheme, "id", [id.value])];
  const areEvents = scheme.equal_bodies === "event";
  const keepsTime = scheme.timestamp?.retries_keep_time === true;
  if (id === undefined && areEvents && !keepsTime) return [];
  const { bodyHash } = request;
  const bound = boundHash(scheme, request, bodyHash);
  const bodyKey = { key: `body:${bound}`, windowMs: retryMs(scheme) };
  const replayed = replayKey(scheme, request, bound) ?? bodyKey;
  if (id === undefined && areEvents) return [replayed];
  if (delivery_id === undefined) return [bodyKey];
  if (id === undefined) return replayed === bodyKey ? [bodyKey] : [bodyKey, replayed];
  if (isInSignedBody(scheme, id.selector))
    return [idKey(scheme, "id", [id.value, ...typeParts(scheme, request)]), replayed];
  const idAndBody = { key: `id+body:${hashOf([id.value, bound])}`, windowMs: knownMs(scheme) };
  return areEvents && !keepsTime ? [idAndBody] : [idAndBody, replayed];
}

/**
 * Returns the keys of an item: its own id with its type, the same in every batch, or else its index in this batch.
 */
export function itemKeys(
  scheme: Scheme,
  request: InboundRequest,
  keys: readonly DeliveryKey[],
  data: unknown,
  item: number,
): DeliveryKey[] {
  const selectors =
    scheme.delivery_id?.filter((selector) => partsOf(selector).some((part) => "item" in part)) ?? [];
  const id = firstId(selectors, request, data);
  if (id !== undefined) return [idKey(scheme, "item", [id.value, ...typeParts(scheme, request, data)])];
  return keys.map(({ key, windowMs }) => ({ key: `${item}/${key}`, windowMs }));
}

/**
 * Returns the key of a replay with the same signed time, which is valid for the freshness window. The same body with
 * another signed time is no duplicate. Undefined if no time is signed: then the key of the body is used.
 */
function replayKey(scheme: Scheme, request: InboundRequest, bound: string): DeliveryKey | undefined {
  const timestamp = timestampText(scheme, request);
  if (timestamp === undefined) return undefined;
  return { key: `replay:${hashOf([timestamp, bound])}`, windowMs: acceptedMs(scheme) };
}

/** How long one signed time is accepted, from the first moment to the last. */
function acceptedMs(scheme: Scheme): number {
  const { pastS, aheadS } = freshnessWindow(scheme);
  return (pastS + aheadS + 2) * 1_000;
}

/**
 * Returns the type and its suffix as they were sent. Empty if both are missing. A literal distinguishes no events.
 */
function typeParts({ type }: Scheme, request: InboundRequest, item?: unknown): string[] {
  const found = [type.from, type.suffix === undefined ? [] : [type.suffix]].map((selectors) => {
    const one = firstValue(selectors, request, item);
    return one === undefined || "literal" in one.selector ? "" : one.value;
  });
  return found.some((part) => part !== "") ? found : [];
}

/**
 * Hashes what the signature binds, and the parts of the type that stand outside of the body: the same bytes under
 * another type are another event. All such parts count, also those that the body overrides: whether it does depends on
 * the content type.
 */
function boundHash(scheme: Scheme, request: InboundRequest, bodyHash: string): string {
  const { from, suffix } = scheme.type;
  const outside = [...from, ...(suffix === undefined ? [] : [suffix])].flatMap((selector) =>
    "header" in selector || "query" in selector ? (firstValue([selector], request)?.value ?? "") : [],
  );
  const signed = signedHash(scheme, request, bodyHash);
  return outside.some((part) => part !== "") ? hashOf([signed, ...outside]) : signed;
}

/**
 * Hashes the body, with the URL if the signature covers it or covers nothing: a GET has no body to distinguish it. A
 * form has several encodings with the same Twilio signature, and all of them hash alike.
 */
function signedHash(scheme: Scheme, request: InboundRequest, bodyHash: string): string {
  const { content } = scheme;
  const url = boundUrl(scheme, request.url);
  if (content?.includes("twilio_body")) return hashOf([url, twilioBody(request) || bodyHash]);
  const bindsUrl = content === undefined || content.includes("url");
  return bindsUrl ? hashOf([request.method, url, bodyHash]) : bodyHash;
}

function isInSignedBody({ content = [] }: Scheme, selector: DeliveryIdSelector): boolean {
  return content.includes("body") && partsOf(selector).every((part) => "body" in part);
}

/** Shows an id alone if it is short printable ASCII, and hashes it otherwise, and together with a type. */
function idKey(scheme: Scheme, kind: string, parts: readonly [id: string, ...type: string[]]): DeliveryKey {
  const [id] = parts;
  const isShown = parts.length === 1 && /^[\x21-\x7e]{1,150}$/.test(id);
  return { key: isShown ? `${kind}:${id}` : `${kind}-hash:${hashOf(parts)}`, windowMs: knownMs(scheme) };
}

function retryMs(scheme: Scheme): number {
  const keepsTime = scheme.timestamp?.retries_keep_time === true;
  return Math.max(scheme.retry_span_s * 1_000, keepsTime ? acceptedMs(scheme) : 0);
}

function knownMs(scheme: Scheme): number {
  return Math.max(WINDOW_MS, retryMs(scheme), scheme.timestamp === undefined ? 0 : acceptedMs(scheme));
}

/** Returns SHA-256 in hex over the parts as a JSON array, so that no two lists of parts hash alike. */
function hashOf(parts: readonly string[]): string {
  return hash("sha256", JSON.stringify(parts));
}
