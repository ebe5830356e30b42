import { type AllowPrivate, createAddressRules } from "./address-rules.ts";
import { type ConnectionBounds, Connections } from "./connections.ts";
import { exchange, type OutgoingResult } from "./exchange.ts";
import { createGuardedConnect, type Lookup, systemLookup } from "./guarded-connect.ts";
import { flawOf, type OutgoingMethod } from "./request-rules.ts";

export interface OutgoingRequest {
  /** Absolute, `http:` or `https:`, without user name and password. */
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | Buffer;
  /** For all of it: the wait for a connection, connecting, the head of the answer and its body; ms. */
  timeoutMs: number;
  /** What of the answer's body is more is cut off, bytes. */
  maxResponseBytes: number;
  /** Whose connections it uses; those without one share theirs. */
  owner?: string;
  /** Gives the request up. */
  signal?: AbortSignal;
}

export interface OutgoingBounds extends ConnectionBounds {
  /** A target accepts a connection within this time, give or take half a second, or the request fails; ms. */
  connectTimeoutMs: number;
}

export const DEFAULT_OUTGOING_BOUNDS: OutgoingBounds = {
  // More than runs, polls and notices that are under way at once: no owner's calls find it full.
  maxConnections: 1_536,
  maxConnectionsPerOrigin: 64,
  maxWaitingPerOrigin: 1_024,
  // Below the 5 s after which many servers close.
  idleTimeoutMs: 4_000,
  maxIdleTimeoutMs: 30_000,
  maxRequestsPerConnection: 1_000,
  maxResponseHeaderBytes: 16_384,
  connectTimeoutMs: 5_000,
};

/** The one way out: every call that this process makes to a URL that somebody gave it. */
export interface OutgoingHttp {
  /** Sends a request and reads the answer. Redirects are not followed. Never rejects: a fault is a result. */
  request(request: OutgoingRequest): Promise<OutgoingResult>;
  /** Closes every connection; what is under way, and every later request, is `ABORTED`. */
  close(): Promise<void>;
}

/** HTTP calls that reach public addresses and what `allowPrivate` names, over connections that are kept. */
export function createOutgoingHttp(options: {
  allowPrivate: AllowPrivate;
  lookup?: Lookup;
  bounds?: Partial<OutgoingBounds>;
  /** URLs without their queries that this process itself serves: they may be on loopback, whatever is allowed. */
  ownTargets?: ReadonlySet<string>;
  /** Told of each connection that the rules refused, and of the range that the host's address is in. */
  onRefused?: (hostname: string, range: string) => void;
}): OutgoingHttp {
  const { allowPrivate, lookup = systemLookup, ownTargets, onRefused = () => {} } = options;
  const bounds = { ...DEFAULT_OUTGOING_BOUNDS, ...options.bounds };
  const open = (allowed: AllowPrivate) => {
    const { connectTimeoutMs } = bounds;
    const rules = createAddressRules(allowed);
    return new Connections(createGuardedConnect({ rules, lookup, connectTimeoutMs, onRefused }), bounds);
  };
  const toAllowed = open(allowPrivate);
  const toOwn = open(LOOPBACK);
  return {
    async request({ url, method, body, timeoutMs, maxResponseBytes, owner, signal, ...request }) {
      const headers = { "user-agent": "headrace", ...lowerCaseNames(request.headers) };
      const flaw = flawOf({ url, method, headers });
      if (flaw !== undefined) return { kind: "refused", code: "REQUEST_INVALID", message: flaw };
      const { origin, pathname, search } = new URL(url);
      const connections = ownTargets?.has(origin + pathname) ? toOwn : toAllowed;
      return exchange(connections, {
        origin,
        owner,
        path: pathname + search,
        method: method as OutgoingMethod,
        headers,
        body,
        timeoutMs,
        maxResponseBytes,
        signal,
      });
    },
    async close() {
      await Promise.all([toAllowed.close(), toOwn.close()]);
    },
  };
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"];

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
