/** The methods that an outgoing request may have: all but CONNECT and TRACE. */
const OUTGOING_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export type OutgoingMethod = (typeof OUTGOING_METHODS)[number];

/** Returns whether a header (lower-case name) belongs to the connection or its framing, which no caller may set. */
export function isConnectionHeader(name: string): boolean {
  return CONNECTION_HEADERS.has(name);
}

/** Hop-by-hop headers (RFC 9110, section 7.6.1), and the headers for routing and framing. */
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

/** Returns why a request cannot be sent, or undefined. The names of its headers are in lower case. */
export function flawOf(request: {
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
}): string | undefined {
  const { url, method, headers } = request;
  if (!(OUTGOING_METHODS as readonly string[]).includes(method)) {
    return `The method is ${JSON.stringify(method.slice(0, 20))} and must be one of ${OUTGOING_METHODS.join(", ")}`;
  }
  const forbidden = Object.keys(headers).find(isConnectionHeader);
  if (forbidden !== undefined) return `The header ${forbidden} belongs to the connection and cannot be set`;
  return flawOfUrl(url);
}

/** Quotes only the scheme of the URL: the rest may hold secrets. */
function flawOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return "The URL is not an absolute URL";
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return `The URL's scheme is ${url.protocol.slice(0, 20)} and must be http: or https:`;
  }
  if (url.username !== "" || url.password !== "") {
    return "The URL holds a user name or password: send them in an Authorization header";
  }
  return undefined;
}
