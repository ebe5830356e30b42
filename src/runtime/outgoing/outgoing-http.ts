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
  /** Covers the wait for a connection, connecting, the headers and the body of the response, ms. */
  timeoutMs: number;
  /** The body of the response is cut off beyond this, bytes. */
  maxResponseBytes: number;
  /**
   * Whether a response counts from its status on: its body may never end, break off or be badly framed, and so may its
   * headers. Otherwise such a response is a failure. False if left out.
   */
  statusDecides?: boolean;
  /** The owner of the connections, usually a tenant. Requests without an owner share theirs. */
  owner?: string;
  /** Aborts the request. */
  signal?: AbortSignal;
}

export interface OutgoingBounds extends ConnectionBounds {
  /** How long a target may take to accept a connection, ms, give or take half a second. */
  connectTimeoutMs: number;
}

export const DEFAULT_OUTGOING_BOUNDS: OutgoingBounds = {
  // More than all runs, polls and notices that can be under way at once, so that no owner finds the pool full.
  maxConnections: 1_536,
  maxConnectionsPerOrigin: 64,
  maxWaitingPerOrigin: 1_024,
  // Below the 5 s after which many servers close.
  idleTimeoutMs: 4_000,
  maxIdleTimeoutMs: 30_000,
  maxRequestsPerConnection: 1_000,
  maxResponseHeaderBytes: 65_536,
  connectTimeoutMs: 5_000,
};

/** The HTTP client for every URL that a tenant or operator configures. */
export interface OutgoingHttp {
  /** Sends a request and reads the response. Does not follow redirects. Never rejects: a fault is a result. */
  request(request: OutgoingRequest): Promise<OutgoingResult>;
  /** Closes every connection. Requests that are under way or come later are `ABORTED`. */
  close(): Promise<void>;
}

/** Creates a client that reaches public addresses and those in `allowPrivate`, over kept connections. */
export function createOutgoingHttp(options: {
  allowPrivate: AllowPrivate;
  lookup?: Lookup;
  bounds?: Partial<OutgoingBounds>;
  /** URLs (without queries) that this process serves itself, which are always allowed on loopback. */
  ownTargets?: ReadonlySet<string>;
  /** Called for each refused connection with the range of its address. */
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
    async request({
      url,
      method,
      body,
      timeoutMs,
      maxResponseBytes,
      owner,
      signal,
      statusDecides = false,
      ...request
    }) {
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
        statusDecides,
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
