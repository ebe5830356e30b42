import { promises as dns, type LookupAddress } from "node:dns";
import { isIP } from "node:net";
import { buildConnector } from "undici";
import type { AddressRules } from "./address-rules.ts";

/** Resolves a host name to all of its addresses. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Resolves as every other program on the machine does, with the hosts file and search domains. */
export const systemLookup: Lookup = (hostname) => dns.lookup(hostname, { all: true });

/**
 * A connection that the address rules forbid. The message has the requested host, and the range of a literal address; it
 * does not reveal the addresses that a name resolves to.
 */
export class TargetRefused extends Error {
  constructor(hostname: string, range?: string) {
    const kind = range === undefined ? "" : ` (${range})`;
    super(`${hostname} has no public address${kind}, and HEADRACE_ALLOW_PRIVATE_TARGETS does not allow it`);
    this.name = "TargetRefused";
  }
}

/**
 * Creates a connector that reaches only addresses that the rules admit. A name is resolved once. All of its addresses
 * are checked, and one that is refused refuses the name. The socket then connects to those addresses without resolving
 * the name again. TLS still checks the certificate against the name.
 */
export function createGuardedConnect(options: {
  rules: AddressRules;
  lookup: Lookup;
  connectTimeoutMs: number;
  /** Called for each refused connection with the range of its address, which the error omits for a name. */
  onRefused: (hostname: string, range: string) => void;
}): buildConnector.connector {
  const { rules, lookup, connectTimeoutMs, onRefused } = options;
  const resolve = shareConcurrent((hostname) => resolveChecked(hostname, { rules, lookup, onRefused }));
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    // With this Node requests all addresses of a name and tries them in turn.
    autoSelectFamily: true,
    lookup(hostname, _options, callback) {
      resolve(hostname).then(
        (addresses) => callback(null, [...addresses]),
        (error) => callback(error, ""),
      );
    },
  });
  return (target, callback) => {
    // A literal address is never looked up. The URL parser has normalized its spelling.
    const refused = isIP(target.hostname) === 0 ? undefined : rules(target.hostname);
    if (refused === undefined) {
      connect(target, callback);
      return;
    }
    onRefused(target.hostname, refused);
    queueMicrotask(() => callback(new TargetRefused(target.hostname, refused), null));
  };
}

async function resolveChecked(
  hostname: string,
  {
    rules,
    lookup,
    onRefused,
  }: { rules: AddressRules; lookup: Lookup; onRefused: (hostname: string, range: string) => void },
): Promise<readonly LookupAddress[]> {
  const addresses = await lookup(hostname);
  for (const { address } of addresses) {
    const refused = rules(address);
    if (refused === undefined) continue;
    onRefused(hostname, refused);
    throw new TargetRefused(hostname);
  }
  if (addresses.length === 0)
    throw Object.assign(new Error("The name has no address"), { code: "ENOTFOUND" });
  return addresses;
}

/** Shares the result among concurrent calls for one name: resolving occupies a thread of libuv's pool. */
function shareConcurrent<Result>(run: (name: string) => Promise<Result>): (name: string) => Promise<Result> {
  const running = new Map<string, Promise<Result>>();
  return (name) => {
    let result = running.get(name);
    if (result === undefined) {
      result = run(name).finally(() => running.delete(name));
      running.set(name, result);
    }
    return result;
  };
}
