import { judgeFreshness, parseTimestamp } from "./freshness.js";
import { charsetOf, valuesAt } from "./place.js";
import { signedContent, timestampText } from "./verify-content.js";
import { decodeSignature } from "./verify-encoding.js";
import { createCheck } from "./verify-key.js";
/** Why a delivery was refused: for the operator's log and the list of rejections. The sender always sees the same 401. */
export const REJECTION_REASONS = {
    no_usable_secret: "The endpoint has no secret, or all have expired, or none can be a key of its scheme",
    header_repeated: "A header that holds the signature, the timestamp, the id or signed content came more than once",
    signature_missing: "The request holds no signature where the scheme has it",
    signature_malformed: "The signature is not written as the scheme writes it",
    signature_too_long: "The header or field of the signature is longer than any signature",
    signatures_too_many: "The request holds more signatures than are tried",
    id_missing: "The delivery id, which is part of the signed content, is missing",
    id_malformed: "The delivery id holds the delimiter that ends it in the signed content",
    timestamp_missing: "The timestamp is missing, or there is more than one",
    timestamp_malformed: "The timestamp is signed but is not a time in the unit of the scheme",
    timestamp_too_old: "The delivery is authentic but older than the window; is this server's clock right?",
    timestamp_too_new: "The delivery is authentic but lies in the future; is this server's clock right?",
    content_missing: "A header that is part of the signed content is missing",
    signature_mismatch: "No signature is that of these bytes under any of the endpoint's secrets",
};
/**
 * The verifier of an endpoint; make it once and keep it while scheme and secrets hold. All secrets are tried, so
 * the caller bounds their number. With none that is usable it works as hard and rejects: an unknown endpoint,
 * verified with `createVerifier(scheme, [])`, takes the same time as a known one.
 */
export function createVerifier(scheme, secrets) {
    if (scheme.algorithm === "none")
        return () => ({ kind: "authentic" });
    const single = singleHeaders(scheme);
    const decoy = createCheck({ ...scheme, algorithm: "hmac-sha256" }, "decoy");
    const checks = secrets.map(({ value, notAfterMs = Number.POSITIVE_INFINITY }, secretIndex) => ({
        holds: createCheck(scheme, value),
        notAfterMs,
        secretIndex,
    }));
    return (request, nowMs) => {
        if (single.some((name) => request.repeats(name)))
            return rejected("header_repeated");
        const presented = presentedSignatures(scheme, request);
        if (presented.kind === "rejected")
            return presented;
        const content = signedContent(scheme, request);
        if (content.kind === "rejected")
            return content;
        let usable = false;
        let secretIndex;
        for (const check of checks) {
            if (check.holds === undefined || nowMs > check.notAfterMs)
                continue;
            usable = true;
            if (check.holds(content.pieces, presented.signatures))
                secretIndex ??= check.secretIndex;
        }
        if (!usable) {
            decoy?.(content.pieces, presented.signatures);
            return rejected("no_usable_secret");
        }
        if (secretIndex === undefined)
            return rejected("signature_mismatch");
        return judgeAge(scheme, request, nowMs, secretIndex);
    };
}
/** Real signature headers stay far below: Stripe's, with two secrets, has 230 characters. */
const MAX_SIGNATURE_CHARS = 4_096;
const MAX_SIGNATURES = 16;
function presentedSignatures(scheme, request) {
    const { from = [], encoding = "hex" } = scheme.signature ?? {};
    const signatures = [];
    let shown = 0;
    for (const place of from) {
        if ("header" in place && (request.header(place.header)?.length ?? 0) > MAX_SIGNATURE_CHARS)
            return rejected("signature_too_long");
        for (const text of valuesAt(place, request)) {
            shown += 1;
            if (shown > MAX_SIGNATURES)
                return rejected("signatures_too_many");
            if (text.length > MAX_SIGNATURE_CHARS)
                return rejected("signature_too_long");
            const signature = decodeSignature(text, encoding, charsetOf(place));
            if (signature !== undefined)
                signatures.push(signature);
        }
    }
    if (signatures.length > 0)
        return { kind: "presented", signatures };
    const hasHeader = from.some((place) => "header" in place && request.header(place.header) !== undefined);
    return rejected(shown > 0 || hasHeader ? "signature_malformed" : "signature_missing");
}
function judgeAge(scheme, request, nowMs, secretIndex) {
    const { timestamp } = scheme;
    if (timestamp === undefined)
        return { kind: "authentic", secretIndex };
    const text = timestampText(scheme, request);
    if (text === undefined)
        return rejected("timestamp_missing");
    const timestampMs = parseTimestamp(text, timestamp.unit);
    if (timestampMs === undefined)
        return rejected("timestamp_malformed");
    const freshness = judgeFreshness(timestampMs, nowMs, timestamp.tolerance_s);
    return freshness === "fresh" ? { kind: "authentic", secretIndex, timestampMs } : rejected(freshness);
}
/** The headers of which a second one could make the verifier and a later reader see different values. */
function singleHeaders(scheme) {
    const { signature, timestamp, delivery_id = [], content = [], type, account = [] } = scheme;
    const time = timestamp === undefined ? [] : [timestamp.from];
    const places = [...(signature?.from ?? []), ...time, ...delivery_id, ...type.from, ...account];
    const named = [...places, ...content].flatMap((place) => typeof place === "object" && "header" in place ? [place.header.toLowerCase()] : []);
    return [...new Set(named)];
}
function rejected(reason) {
    return { kind: "rejected", reason };
}
//# sourceMappingURL=verify.js.map