/** Names and values that are kept of one request, in bytes; what comes after is left out. */
const MAX_BYTES = 8_192;
/** Headers that hold credentials, belong to one connection, or say what is kept elsewhere. */
const DROPPED = new Set([
    "authorization",
    "proxy-authorization",
    "cookie",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "host",
    "accept",
    "accept-encoding",
]);
/**
 * The headers of a delivery that stay with its event, by lower-case name; of a repeated one the last. Whatever the
 * scheme takes its signature or token from is left out.
 */
export function keptHeaders(scheme, request) {
    const secret = signatureHeaders(scheme);
    const kept = {};
    let bytes = 0;
    for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
        const name = request.rawHeaders[index].toLowerCase();
        const value = request.rawHeaders[index + 1];
        if (DROPPED.has(name) || secret.includes(name) || name.startsWith("x-forwarded-"))
            continue;
        bytes += name.length + value.length;
        if (bytes > MAX_BYTES)
            break;
        kept[name] = value;
    }
    return kept;
}
function signatureHeaders(scheme) {
    return (scheme.signature?.from ?? []).flatMap((place) => "header" in place ? place.header.toLowerCase() : []);
}
//# sourceMappingURL=kept-headers.js.map