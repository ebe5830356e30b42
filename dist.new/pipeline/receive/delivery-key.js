import { hash } from "node:crypto";
import { DEFAULT_TOLERANCE_S } from "./freshness.js";
import { firstValue } from "./place.js";
import { timestampText } from "./verify-content.js";
/** How long a delivery is known at least, also where the provider's own retries end sooner. */
const WINDOW_MS = 72 * 3_600_000;
/**
 * The keys of a delivery, its own first.
 *
 * - An id that is part of the signed content is the key.
 * - An id in the signed body is the key, and one that is not signed counts together with the hash of the body.
 *   Without an id the hash of the body is the key, for as long as the provider may send it again.
 * - Whoever replays a delivery can change or drop every header that is not signed: an id, and also the content
 *   type, by which the body's id is found. So a key over what a replay cannot change stands beside.
 */
export function deliveryKeys(scheme, request) {
    const { content = [], delivery_id } = scheme;
    const id = firstValue(delivery_id ?? [], request);
    if (id !== undefined && content.includes("id"))
        return [idKey(scheme, "id", id.value)];
    const bodyHash = hash("sha256", request.body);
    const bound = boundHash(scheme, request, bodyHash);
    const bodyKey = { key: `body:${bound}`, windowMs: retryMs(scheme) };
    if (delivery_id === undefined)
        return [bodyKey];
    const replayed = replayKey(scheme, request, bound) ?? bodyKey;
    if (id === undefined)
        return replayed === bodyKey ? [bodyKey] : [bodyKey, replayed];
    if (isInSignedBody(scheme, id.place))
        return [idKey(scheme, "id", id.value), replayed];
    return [{ key: `id+body:${hashOf([id.value, bodyHash])}`, windowMs: knownMs(scheme) }, replayed];
}
/** The keys of one item: its own id where it has one, in whatever batch it comes again, else its place in this one. */
export function itemKeys(scheme, request, keys, data, item) {
    const places = scheme.delivery_id?.filter((place) => "item" in place) ?? [];
    const id = firstValue(places, request, data);
    if (id !== undefined)
        return [idKey(scheme, "item", id.value)];
    return keys.map(({ key, windowMs }) => ({ key: `${item}/${key}`, windowMs }));
}
/**
 * Where the time is signed, a replay has the same and ends with the freshness window: the same body, sent anew
 * under another id, is no duplicate there. Elsewhere the key of the body has to do.
 */
function replayKey(scheme, request, bound) {
    const timestamp = timestampText(scheme, request);
    if (timestamp === undefined)
        return undefined;
    const { tolerance_s = DEFAULT_TOLERANCE_S } = scheme.timestamp ?? {};
    return { key: `replay:${hashOf([timestamp, bound])}`, windowMs: 2 * (tolerance_s + 1) * 1_000 };
}
/** The body, and the URL where the signature covers it, or covers nothing: a GET has no body to tell it by. */
function boundHash({ content }, request, bodyHash) {
    const bindsUrl = content === undefined || content.includes("url");
    return bindsUrl ? hashOf([request.method, request.url, bodyHash]) : bodyHash;
}
function isInSignedBody({ content = [] }, place) {
    return "body" in place && content.includes("body");
}
/** An id that is long, or holds more than printable ASCII, is known by its hash. */
function idKey(scheme, kind, id) {
    const key = /^[\x21-\x7e]{1,150}$/.test(id) ? `${kind}:${id}` : `${kind}-hash:${hashOf([id])}`;
    return { key, windowMs: knownMs(scheme) };
}
function retryMs(scheme) {
    return scheme.retry_hours * 3_600_000;
}
function knownMs(scheme) {
    return Math.max(WINDOW_MS, retryMs(scheme));
}
/** SHA-256 in hex over the parts as a JSON array, so that no two lists of parts hash alike. */
function hashOf(parts) {
    return hash("sha256", JSON.stringify(parts));
}
//# sourceMappingURL=delivery-key.js.map