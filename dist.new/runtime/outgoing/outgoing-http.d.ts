import { type AllowPrivate } from "./address-rules.ts";
import { type ConnectionLimits } from "./connections.ts";
import { type OutgoingResult } from "./exchange.ts";
import { type Lookup } from "./guarded-connect.ts";
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
    /** Gives the request up. */
    signal?: AbortSignal;
}
export interface OutgoingLimits extends ConnectionLimits {
    /** A target accepts a connection within this time, give or take half a second, or the request fails; ms. */
    connectTimeoutMs: number;
}
export declare const DEFAULT_OUTGOING_LIMITS: OutgoingLimits;
/** The one way out: every call that this process makes to a URL that somebody gave it. */
export interface OutgoingHttp {
    /** Sends a request and reads the answer. Redirects are not followed. Never rejects: a fault is a result. */
    request(request: OutgoingRequest): Promise<OutgoingResult>;
    /** Closes every connection; what is under way, and every later request, is `ABORTED`. */
    close(): Promise<void>;
}
/** HTTP calls that reach public addresses and what `allowPrivate` names, over connections that are kept. */
export declare function createOutgoingHttp(options: {
    allowPrivate: AllowPrivate;
    lookup?: Lookup;
    limits?: Partial<OutgoingLimits>;
}): OutgoingHttp;
