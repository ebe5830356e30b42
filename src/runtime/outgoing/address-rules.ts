import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The non-public addresses that outgoing calls may reach: all of them, or those in the CIDRs. */
export type AllowPrivate = "all" | readonly string[];

/** Returns the range that forbids an IP address ("loopback", "private" …), or undefined if it may be reached. */
export type AddressRules = (address: string) => string | undefined;

/**
 * Parses a comma-separated list of CIDRs, or the word `all`. An address without a prefix length matches only itself;
 * empty entries are skipped. Returns undefined if an entry is malformed.
 */
export function parseAllowPrivate(text: string): AllowPrivate | undefined {
  if (text.trim() === "all") return "all";
  const entries = text.split(",").map((entry) => entry.trim());
  const cidrs = entries.filter((entry) => entry !== "").map(toCidr);
  return cidrs.every((cidr) => cidr !== undefined) ? cidrs : undefined;
}

/**
 * Admits public unicast addresses and those in `allow`. Refuses all others: loopback, private, link-local (which
 * includes the clouds' metadata services), carrier-grade NAT, multicast, reserved and documentation ranges, tunnels.
 * An IPv6 address that embeds an IPv4 address (mapped, NAT64) is judged by the IPv4 address.
 * Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
 */
export function createAddressRules(allow: AllowPrivate): AddressRules {
  if (allow === "all") return () => undefined;
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr));
  return (text) => {
    if (isIP(text) === 0) return "unreadable";
    if (IPV4_COMPATIBLE.test(text)) return "reserved";
    const address = embeddedAddress(ipaddr.parse(text));
    const range = rangeOf(address);
    if (range === "unicast") return undefined;
    const isAllowed = allowed.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
    );
    return isAllowed ? undefined : range;
  };
}

/** Returns the range that forbids a URL whose host is a literal address, or undefined. Names are checked at the connection. */
export type TargetRules = (url: URL) => string | undefined;

/** Creates the rules that connections apply. URLs of `ownTargets` (without queries) are always allowed. */
export function createTargetRules(allow: AllowPrivate, ownTargets: ReadonlySet<string>): TargetRules {
  const rules = createAddressRules(allow);
  return ({ origin, pathname, hostname }) => {
    if (ownTargets.has(origin + pathname)) return undefined;
    // The URL parser has normalized the spelling of an address.
    const address = hostname.replace(/^\[(.*)\]$/, "$1");
    return isIP(address) === 0 ? undefined : rules(address);
  };
}

type Address = ReturnType<typeof ipaddr.parse>;

/** Refuses octal, hexadecimal and shortened spellings, which tools read differently. */
function toCidr(entry: string): string | undefined {
  const [address = "", bits, ...more] = entry.split("/");
  const maxBits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] as number;
  if (maxBits < 0 || more.length > 0) return undefined;
  if (bits === undefined) return `${address}/${maxBits}`;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= maxBits ? entry : undefined;
}

function embeddedAddress(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const embeds = address.isIPv4MappedAddress() || address.match(NAT64);
  return embeds ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

function rangeOf(address: Address): string {
  const range = address.range();
  if (range !== "unicast") return range;
  if (address instanceof ipaddr.IPv4) return address.match(AZURE_METADATA) ? "metadata" : range;
  return address.match(GLOBAL_UNICAST) ? range : "reserved";
}

/** Deprecated by RFC 4291, section 2.5.5.1. Checked here because ipaddr.js takes it for a mapped address. */
const IPV4_COMPATIBLE = /^::\d+\.[\d.]+$/;
/** RFC 6052, section 2.1. */
const NAT64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");
/** RFC 4291, section 2.4; IANA has assigned nothing outside of it. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");
/** The public address of Azure's services for a virtual machine: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16 */
const AZURE_METADATA = ipaddr.IPv4.parseCIDR("168.63.129.16/32");
