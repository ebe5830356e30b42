import type { Connections } from "./connections.ts";
import type { OutgoingMethod } from "./request-rules.ts";
/** One request to a target whose URL was read and found good. */
export interface ExchangeRequest {
    /** Scheme, host and port: all of the URL that an error message may show. */
    origin: string;
    path: string;
    method: OutgoingMethod;
    headers: Readonly<Record<string, string>>;
    body: string | Buffer | undefined;
    timeoutMs: number;
    maxResponseBytes: number;
    signal: AbortSignal | undefined;
}
/** What came of a request. No message holds a header, a body, or more of the URL than its origin. */
export type OutgoingResult = 
/** The target answered, with whatever status. Header names are lower-case, the values of one name joined. */
{
    kind: "response";
    status: number;
    headers: Record<string, string>;
    body: Buffer;
    truncated: boolean;
}
/** Nothing was sent, nor will it be by trying again: the guard forbids the target, or the request is malformed. */
 | {
    kind: "refused";
    code: "TARGET_REFUSED" | "REQUEST_INVALID";
    message: string;
}
/** No complete answer came; the target may have got the request all the same. */
 | {
    kind: "failed";
    code: "TIMEOUT" | "CONNECTION" | "OVERLOADED" | "ABORTED";
    message: string;
};
/**
 * Sends one request and reads its answer, up to `maxResponseBytes`, all within `timeoutMs`: the wait for a free
 * connection, connecting, the head of the answer and its body. Never rejects. What is longer is cut off, and is
 * `truncated`.
 */
export declare function exchange(connections: Connections, request: ExchangeRequest): Promise<OutgoingResult>;
