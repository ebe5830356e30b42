/** The methods that an outgoing request may have. CONNECT and TRACE are for proxies and their debuggers. */
export const OUTGOING_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** Whether a header (lower-case name) belongs to the connection and its framing, so that no caller may set it. */
export function isConnectionHeader(name) {
    return CONNECTION_HEADERS.has(name);
}
/** Hop-by-hop headers (RFC 9110, section 7.6.1), and those that say where a message goes and where it ends. */
const CONNECTION_HEADERS = new Set([
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
]);
/** Why a URL cannot be called, whatever its host resolves to; undefined when it can. Quotes nothing of the URL. */
export function flawOfUrl(text) {
    if (!URL.canParse(text))
        return "The URL is not an absolute URL";
    const url = new URL(text);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
        return `The URL's scheme is ${url.protocol.slice(0, 20)} and must be http: or https:`;
    }
    if (url.username !== "" || url.password !== "") {
        return "The URL holds a user name or password: send them in an Authorization header";
    }
    return undefined;
}
/** Why a request cannot be sent as it stands, or undefined. The names of its headers are in lower case. */
export function flawOf(request) {
    const { url, method, headers } = request;
    if (!OUTGOING_METHODS.includes(method)) {
        return `The method is ${JSON.stringify(method.slice(0, 20))} and must be one of ${OUTGOING_METHODS.join(", ")}`;
    }
    const forbidden = Object.keys(headers).find(isConnectionHeader);
    if (forbidden !== undefined)
        return `The header ${forbidden} belongs to the connection and cannot be set`;
    return flawOfUrl(url);
}
//# sourceMappingURL=request-rules.js.map