import { tokenPaths } from "../token-paths.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";

/** Names and values kept per request, bytes. Further headers are dropped. */
const MAX_BYTES = 8_192;

/** Headers that contain credentials, concern one connection, or repeat stored values. */
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

/**
 * Names of headers with credentials. GitLab, for example, sends its token beside its signature, and HubSpot signatures of
 * two versions.
 */
const CREDENTIAL =
  /(?:^|-)(?:token|secret|password|signature|hmac|api-?key)(?:-(?:v?\d+|sha\d+|primary|secondary|ed25519))?$/;

/**
 * Returns the headers of a delivery that are stored with its event, by lower-case name. The last of repeated headers
 * wins. Headers with a signature or token of the scheme are dropped.
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
    names = new Set([...DROPPED, ...tokenPaths(scheme).headers]);
    DROPPED_BY.set(scheme, names);
  }
  return names;
}
