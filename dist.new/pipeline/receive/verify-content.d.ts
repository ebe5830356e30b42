import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/** A stretch of the signed bytes: a buffer, or a byte string (one character a byte). */
export type ContentPiece = Buffer | string;
export type SignedContent = {
    kind: "content";
    pieces: ContentPiece[];
} | {
    kind: "rejected";
    reason: "id_missing" | "id_malformed" | "timestamp_missing" | "content_missing";
};
/**
 * The bytes that the scheme signs, in pieces that follow one another: the verifier and the signer of samples both
 * take them from here. The body is never copied, decoded or formatted.
 */
export declare function signedContent(scheme: Scheme, request: InboundRequest): SignedContent;
/** The time of sending as it was sent; undefined when it is not there, or there more than once. */
export declare function timestampText(scheme: Scheme, request: InboundRequest): string | undefined;
