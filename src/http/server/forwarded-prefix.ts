import type { FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";

/** Returns the path at which a client sees the root of the server: empty, or with a leading and no trailing slash. */
export type ReadPrefix = (request: FastifyRequest) => string;

/** Longest accepted prefix, characters. */
const MAX_PREFIX_CHARS = 256;

/** Path segments of characters without meaning in HTML or URLs. None is empty, `.` or `..`. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/**
 * Creates a reader of `X-Forwarded-Prefix`, which is set by proxies that remove a prefix from the path. The prefix
 * appears in pages, so it is accepted only from trusted proxies (addresses and CIDRs) and only if it is a plain path.
 */
export function createPrefixReader(trustedProxies: readonly string[]): ReadPrefix {
  const networks = trustedProxies.map((network) =>
    ipaddr.isValidCIDR(network)
      ? ipaddr.parseCIDR(network)
      : ([ipaddr.parse(network), ipaddr.parse(network).kind() === "ipv4" ? 32 : 128] as const),
  );
  const isTrusted = (address: string | undefined) => {
    if (address === undefined || !ipaddr.isValid(address)) return false;
    // An IPv4 address may come mapped into IPv6.
    const peer = ipaddr.process(address);
    return networks.some(([network, bits]) => peer.kind() === network.kind() && peer.match(network, bits));
  };
  return ({ headers, raw }) => {
    const given = headers["x-forwarded-prefix"];
    if (typeof given !== "string" || given.length > MAX_PREFIX_CHARS) return "";
    const prefix = given.replace(/\/$/, "");
    return PREFIX.test(prefix) && isTrusted(raw.socket.remoteAddress) ? prefix : "";
  };
}
