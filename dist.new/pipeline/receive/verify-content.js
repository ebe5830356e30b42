import { charsetOf, firstValue, valuesAt } from "./place.js";
/**
 * The bytes that the scheme signs, in pieces that follow one another: the verifier and the signer of samples both
 * take them from here. The body is never copied, decoded or formatted.
 */
export function signedContent(scheme, request) {
    const pieces = [];
    let text = "";
    const parts = scheme.content ?? [];
    for (let index = 0; index < parts.length; index += 1) {
        const part = parts[index];
        if (part === "body") {
            pieces.push(text, request.body);
            text = "";
            continue;
        }
        const value = partText(part, scheme, request);
        if (value === undefined)
            return { kind: "rejected", reason: missing(part) };
        const next = parts[index + 1];
        if (part === "id" && holdsDelimiter(value, next))
            return { kind: "rejected", reason: "id_malformed" };
        text += value;
    }
    if (text !== "")
        pieces.push(text);
    return { kind: "content", pieces };
}
function missing(part) {
    if (part === "id")
        return "id_missing";
    return part === "timestamp" ? "timestamp_missing" : "content_missing";
}
function partText(part, scheme, request) {
    if (part === "method")
        return request.method;
    if (part === "url")
        return byteString(request.url, "utf8");
    if (part === "timestamp")
        return timestampText(scheme, request);
    if (part === "id") {
        const id = firstValue(scheme.delivery_id ?? [], request);
        return id && byteString(id.value, charsetOf(id.place));
    }
    return "literal" in part ? byteString(part.literal, "utf8") : request.header(part.header);
}
/** The time of sending as it was sent; undefined when it is not there, or there more than once. */
export function timestampText(scheme, request) {
    if (scheme.timestamp === undefined)
        return undefined;
    const [text, second] = valuesAt(scheme.timestamp.from, request);
    return second === undefined ? text : undefined;
}
/**
 * An id that holds the delimiter behind it could give some of itself to what follows, under the same signature.
 * A timestamp cannot: only exact times are accepted.
 */
function holdsDelimiter(id, next) {
    return typeof next === "object" && "literal" in next && id.includes(next.literal);
}
/** ASCII, which is nearly everything, is the same in both. */
function byteString(text, charset) {
    if (charset === "latin1" || Buffer.byteLength(text) === text.length)
        return text;
    return Buffer.from(text).toString("latin1");
}
//# sourceMappingURL=verify-content.js.map