import type { FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";

/** The path under which a client sees the root of the server: empty, or with a slash before and none after it. */
export type ReadPrefix = (request: FastifyRequest) => string;

/** The longest prefix that is believed, characters. */
const MAX_PREFIX_CHARS = 256;

/** Whole segments of characters that mean nothing in HTML or in a URL: none is empty, `.` or `..`. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;

/**
 * Reads `X-Forwarded-Prefix`, which a proxy sets that takes a prefix off the path. It ends up in pages, so it is
 * believed only of the trusted proxies (addresses and CIDRs), and anything but a plain path counts as none.
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
