import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";

/** Names and values that are kept of one request, in bytes; what comes after is left out. */
const MAX_BYTES = 8_192;

/** Headers that hold credentials, belong to one connection, or say what is kept elsewhere. */
const DROPPED = [
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
];

/** Names by which senders call a credential: GitLab's token comes beside its signature too. */
const CREDENTIAL = /(?:^|-)(?:token|secret|password|signature|api-?key)$/;

/**
 * The headers of a delivery that stay with its event, by lower-case name; of a repeated one the last. Whatever the
 * scheme takes its signature or token from is left out.
 */
export function keptHeaders(scheme: Scheme, { rawHeaders }: InboundRequest): Record<string, string> {
  const dropped = droppedBy(scheme);
  const kept: Record<string, string> = {};
  let bytes = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    if (dropped.has(name) || name.startsWith("x-forwarded-") || CREDENTIAL.test(name)) continue;
    bytes += name.length + value.length;
    if (bytes > MAX_BYTES) break;
    kept[name] = value;
  }
  return kept;
}

const DROPPED_BY = new WeakMap<Scheme, ReadonlySet<string>>();

function droppedBy(scheme: Scheme): ReadonlySet<string> {
  let names = DROPPED_BY.get(scheme);
  if (names === undefined) {
    const places = scheme.signature?.from ?? [];
    names = new Set([
      ...DROPPED,
      ...places.flatMap((place) => ("header" in place ? place.header.toLowerCase() : [])),
    ]);
    DROPPED_BY.set(scheme, names);
  }
  return names;
}
