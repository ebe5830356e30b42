import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/** Why a delivery was refused: for the operator's log and the list of rejections. The sender always sees the same 401. */
export declare const REJECTION_REASONS: {
    readonly no_usable_secret: "The endpoint has no secret, or all have expired, or none can be a key of its scheme";
    readonly header_repeated: "A header that holds the signature, the timestamp, the id or signed content came more than once";
    readonly signature_missing: "The request holds no signature where the scheme has it";
    readonly signature_malformed: "The signature is not written as the scheme writes it";
    readonly signature_too_long: "The header or field of the signature is longer than any signature";
    readonly signatures_too_many: "The request holds more signatures than are tried";
    readonly id_missing: "The delivery id, which is part of the signed content, is missing";
    readonly id_malformed: "The delivery id holds the delimiter that ends it in the signed content";
    readonly timestamp_missing: "The timestamp is missing, or there is more than one";
    readonly timestamp_malformed: "The timestamp is signed but is not a time in the unit of the scheme";
    readonly timestamp_too_old: "The delivery is authentic but older than the window; is this server's clock right?";
    readonly timestamp_too_new: "The delivery is authentic but lies in the future; is this server's clock right?";
    readonly content_missing: "A header that is part of the signed content is missing";
    readonly signature_mismatch: "No signature is that of these bytes under any of the endpoint's secrets";
};
export type RejectionReason = keyof typeof REJECTION_REASONS;
export type Verdict = 
/** `secretIndex` says which secret held; absent only where the scheme's algorithm is none. */
{
    kind: "authentic";
    secretIndex?: number;
    timestampMs?: number;
} | {
    kind: "rejected";
    reason: RejectionReason;
};
/** A secret of an endpoint; it holds up to and including `notAfterMs`. */
export interface EndpointSecret {
    value: string;
    notAfterMs?: number | undefined;
}
/**
 * Judges one delivery: its signature over the exact bytes first, then its age. Never throws on anything that a
 * sender can send, and hashes nothing before the shape and number of the signatures are known to be in bounds.
 */
export type Verifier = (request: InboundRequest, nowMs: number) => Verdict;
/**
 * The verifier of an endpoint; make it once and keep it while scheme and secrets hold. All secrets are tried, so
 * the caller bounds their number. With none that is usable it works as hard and rejects: an unknown endpoint,
 * verified with `createVerifier(scheme, [])`, takes the same time as a known one.
 */
export declare function createVerifier(scheme: Scheme, secrets: readonly EndpointSecret[]): Verifier;
