import { partsOf } from "./check-scheme.ts";
import { judgeFreshness, parseTimestamp } from "./freshness.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { itemsOf } from "./items.ts";
import type { Place, Scheme } from "./scheme.ts";
import { charsetOf, valuesAt } from "./selector.ts";
import { type ContentPiece, signedContent, timestampText } from "./verify-content.ts";
import { decodeSignature } from "./verify-encoding.ts";
import { createCheck, createDecoyCheck } from "./verify-key.ts";

/** Why a delivery was refused: for the operator's log and the list of rejections. The sender always sees the same 401. */
export const REJECTION_REASONS = {
  no_usable_secret: "The endpoint has no secret, or all have expired, or none can be a key of its scheme",
  header_repeated:
    "A header that holds the signature, the timestamp, the id or signed content came more than once",
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
} as const;

export type RejectionReason = keyof typeof REJECTION_REASONS;

export type Verdict =
  /** `secretIndex` says which secret held; absent only where the scheme's algorithm is none. */
  | { kind: "authentic"; secretIndex?: number; timestampMs?: number }
  | { kind: "rejected"; reason: RejectionReason };

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
export function createVerifier(scheme: Scheme, secrets: readonly EndpointSecret[]): Verifier {
  if (scheme.algorithm === "none") return () => ({ kind: "authentic" });
  const single = singleHeaders(scheme);
  const decoy = createDecoyCheck(scheme);
  const checks = secrets.map(({ value, notAfterMs = Number.POSITIVE_INFINITY }, secretIndex) => ({
    holds: createCheck(scheme, value),
    notAfterMs,
    secretIndex,
  }));

  /** Which of the secrets that have not expired signed the content. */
  function signedBy(
    content: readonly ContentPiece[],
    signatures: readonly Buffer[],
    nowMs: number,
    request: InboundRequest,
  ): number | RejectionReason {
    let usable = false;
    let secretIndex: number | undefined;
    for (const check of checks) {
      if (check.holds === undefined || nowMs > check.notAfterMs) continue;
      usable = true;
      if (check.holds(content, signatures, request)) secretIndex ??= check.secretIndex;
    }
    if (!usable) decoy(content, signatures, request);
    return secretIndex ?? (usable ? "signature_mismatch" : "no_usable_secret");
  }

  /** Every item shows a token of its own, which may be of any of the secrets. */
  function judgeItems(request: InboundRequest, nowMs: number): Verdict {
    const items = itemsOf(scheme, request) ?? [];
    if (items.length === 0) return rejected("signature_missing");
    if (items.length > MAX_ITEM_TOKENS) return rejected("signatures_too_many");
    let oldest = 0;
    for (const item of items) {
      const presented = presentedSignatures(scheme, request, item);
      if (presented.kind === "rejected") return presented;
      const by = signedBy([], presented.signatures, nowMs, request);
      if (typeof by === "string") return rejected(by);
      oldest = Math.max(oldest, by);
    }
    return { kind: "authentic", secretIndex: oldest };
  }

  const inItems = scheme.signature?.from.some((place) => "item" in place) ?? false;
  return (request, nowMs) => {
    if (single.some((name) => request.repeats(name))) return rejected("header_repeated");
    if (inItems) return judgeItems(request, nowMs);
    const presented = presentedSignatures(scheme, request);
    if (presented.kind === "rejected") return presented;
    const content = signedContent(scheme, request);
    if (content.kind === "rejected") return content;
    const by = signedBy(content.pieces, presented.signatures, nowMs, request);
    return typeof by === "string" ? rejected(by) : judgeAge(scheme, request, nowMs, by);
  };
}

/** Real signature headers stay far below: Stripe's, with two secrets, has 230 characters. */
const MAX_SIGNATURE_CHARS = 4_096;
const MAX_SIGNATURES = 16;
const MAX_ITEM_TOKENS = 1_000;

function presentedSignatures(
  scheme: Scheme,
  request: InboundRequest,
  item?: unknown,
): { kind: "presented"; signatures: Buffer[] } | { kind: "rejected"; reason: RejectionReason } {
  const { from = [], encoding = "hex" } = scheme.signature ?? {};
  const signatures: Buffer[] = [];
  let shown = 0;
  for (const place of from) {
    if ("header" in place && (request.header(place.header)?.length ?? 0) > MAX_SIGNATURE_CHARS)
      return rejected("signature_too_long");
    for (const text of valuesAt(place, request, item)) {
      shown += 1;
      if (shown > MAX_SIGNATURES) return rejected("signatures_too_many");
      if (text.length > MAX_SIGNATURE_CHARS) return rejected("signature_too_long");
      const signature = decodeSignature(text, encoding, charsetOf(place));
      if (signature !== undefined) signatures.push(signature);
    }
  }
  if (signatures.length > 0) return { kind: "presented", signatures };
  const hasHeader = from.some((place) => "header" in place && request.header(place.header) !== undefined);
  return rejected(shown > 0 || hasHeader ? "signature_malformed" : "signature_missing");
}

function judgeAge(scheme: Scheme, request: InboundRequest, nowMs: number, secretIndex: number): Verdict {
  const { timestamp } = scheme;
  if (timestamp === undefined) return { kind: "authentic", secretIndex };
  const text = timestampText(scheme, request);
  if (text === undefined) return rejected("timestamp_missing");
  const timestampMs = parseTimestamp(text, timestamp.unit);
  if (timestampMs === undefined) return rejected("timestamp_malformed");
  const freshness = judgeFreshness(timestampMs, nowMs, timestamp.tolerance_s);
  return freshness === "fresh" ? { kind: "authentic", secretIndex, timestampMs } : rejected(freshness);
}

/** The headers of which a second one could make the verifier and a later reader see different values. */
function singleHeaders(scheme: Scheme): string[] {
  const { signature, timestamp, delivery_id = [], content = [], type, account = [] } = scheme;
  const places: Place[] = [
    ...(signature?.from ?? []),
    ...(timestamp?.from ?? []),
    ...delivery_id.flatMap(partsOf),
    ...type.from,
    ...(type.suffix === undefined ? [] : [type.suffix]),
    ...account,
  ];
  const named = [...places, ...content].flatMap((place) =>
    typeof place === "object" && "header" in place ? [place.header.toLowerCase()] : [],
  );
  return [...new Set(named)];
}

function rejected(reason: RejectionReason): { kind: "rejected"; reason: RejectionReason } {
  return { kind: "rejected", reason };
}
