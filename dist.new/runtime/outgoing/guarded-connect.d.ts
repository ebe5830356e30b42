import { type LookupAddress } from "node:dns";
import { buildConnector } from "undici";
import type { AddressRules } from "./address-rules.ts";
/** Answers every address of a host name, or rejects. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;
/** Asks the system, as every other program on the machine does: hosts file, search domains and all. */
export declare const systemLookup: Lookup;
/** A connection that the rules forbid. Names the host that was asked for, never what it resolves to. */
export declare class TargetRefused extends Error {
    constructor(hostname: string, range: string);
}
/**
 * Opens connections to addresses that the rules admit, and to no others. A name is resolved once, every one of its
 * addresses is checked (one that is refused refuses the name), and the socket connects to those very addresses: no
 * second resolution stands between check and connection. TLS still checks the certificate against the name.
 */
export declare function createGuardedConnect(options: {
    rules: AddressRules;
    lookup: Lookup;
    connectTimeoutMs: number;
}): buildConnector.connector;
