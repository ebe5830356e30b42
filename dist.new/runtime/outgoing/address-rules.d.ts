/** Which addresses outside the public internet outgoing calls may reach: all of them, or those in the CIDRs. */
export type AllowPrivate = "all" | readonly string[];
/** Says why an IP address may not be reached ("loopback", "private" …); undefined when it may. */
export type AddressRules = (address: string) => string | undefined;
/**
 * Reads a list of CIDRs, comma-separated, or the word `all`. An address without a prefix length stands for itself
 * alone; empty entries are passed over. Undefined when an entry is neither.
 */
export declare function parseAllowPrivate(text: string): AllowPrivate | undefined;
/**
 * Admits public unicast addresses and what `allow` names. All else is refused: loopback, private, link-local (and
 * with it the clouds' metadata services), carrier-grade NAT, multicast, reserved and documentation ranges, tunnels.
 * An IPv6 address that carries an IPv4 address (mapped, NAT64) is judged by the latter.
 * Sources: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
 */
export declare function createAddressRules(allow: AllowPrivate): AddressRules;
