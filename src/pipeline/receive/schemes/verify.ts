import { partsOf } from "./check-scheme.ts";
import { urlForms } from "./forms/url-forms.ts";
import { freshnessWindow, judgeFreshness, parseTimestamp } from "./freshness.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { outerItems } from "./items.ts";
import type { Scheme, Selector } from "./scheme.ts";
import { charsetOf, selectedValues } from "./selector.ts";
import { type ContentPiece, signedContent, timestampText } from "./verify-content.ts";
import { decodeSignature } from "./verify-encoding.ts";
import { createCheck, createDecoyCheck, type KeptDigests } from "./verify-key.ts";

/** The reasons for a rejection, for logs and the list of rejections. The sender always gets the same 401. */
export const REJECTION_REASONS = {
  no_usable_secret: "The endpoint has no secret, or all have expired, or none can be a key of its scheme",
  header_repeated: "A header with the signature, the timestamp, the id or signed content is repeated",
  signature_missing: "The request has no signature where the scheme expects it",
  signature_malformed: "The signature is not in the encoding of the scheme",
  signature_too_long: "The header or field of the signature is longer than any signature",
  signatures_too_many: "The request has more signatures than are tried",
  id_missing: "The delivery id, which is part of the signed content, is missing",
  id_malformed: "The delivery id contains the delimiter that ends it in the signed content",
  timestamp_missing: "The timestamp is missing or repeated",
  timestamp_malformed: "The timestamp is signed but is not a time in the unit of the scheme",
  timestamp_too_old: "The delivery is authentic but older than the tolerance; check this server's clock",
  timestamp_too_new: "The delivery is authentic but its time is in the future; check this server's clock",
  content_missing: "A header that is part of the signed content is missing",
  signature_mismatch: "No signature matches these bytes under any of the endpoint's secrets",
} as const;

/** The code of a rejection by the verifier. */
export type RejectionReason = keyof typeof REJECTION_REASONS;

/** The result of verifying a delivery. */
export type Verdict =
  /** `secretIndex` is the secret that signed it. Absent only if the algorithm is none. */
  | { kind: "authentic"; secretIndex?: number; timestampMs?: number }
  | { kind: "rejected"; reason: RejectionReason };

/** A secret of an endpoint, valid up to and including `notAfterMs`. */
export interface EndpointSecret {
  value: string;
  notAfterMs?: number | undefined;
}

/**
 * Verifies a delivery: first its signature over the exact bytes, then its age. Never throws, whatever a sender sends.
 * Computes no hash before the form and number of the signatures are checked.
 */
export type Verifier = (request: InboundRequest, nowMs: number) => Verdict;

/**
 * Creates the verifier of an endpoint, to be kept while its scheme and secrets stay the same. All secrets are tried,
 * so the caller bounds their number. Without a usable secret it does the same work and rejects: an unknown endpoint,
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

  /** Returns the index of the unexpired secret that signed the content. */
  function signedBy(
    content: readonly ContentPiece[],
    signatures: readonly Buffer[],
    nowMs: number,
    request: KeptDigests,
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

  const keysOfForms: Map<unknown, object>[] = [];

  /** Returns the digests of one form of the URL: a request keeps one per key. */
  function digestsOf(form: number, request: InboundRequest): KeptDigests {
    if (form === 0) return request;
    keysOfForms[form] ??= new Map();
    const keys = keysOfForms[form];
    return {
      body: request.body,
      digest(key, pieces, open) {
        const own = keys.get(key) ?? { key };
        keys.set(key, own);
        return request.digest(own, pieces, open);
      },
    };
  }

  /** Every item has its own token, of any of the secrets. */
  function judgeItems(request: InboundRequest, nowMs: number): Verdict {
    const items = outerItems(scheme, request) ?? [];
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

  const inItems = scheme.signature?.from.some((selector) => "item" in selector) ?? false;
  return (request, nowMs) => {
    if (single.some((name) => request.repeats(name))) return rejected("header_repeated");
    if (inItems) return judgeItems(request, nowMs);
    const presented = presentedSignatures(scheme, request);
    if (presented.kind === "rejected") return presented;
    let by: number | RejectionReason = "signature_mismatch";
    // All forms are tried, so that the time does not reveal which of them is valid.
    for (const [form, url] of urlForms(scheme, request.url).entries()) {
      const content = signedContent(scheme, request, url);
      if (content.kind === "rejected") return content;
      const found = signedBy(content.pieces, presented.signatures, nowMs, digestsOf(form, request));
      if (typeof by === "string") by = found;
    }
    return typeof by === "string" ? rejected(by) : judgeAge(scheme, request, nowMs, by);
  };
}

/**
 * Bounds on signatures. Stripe's header with two secrets has 230 characters. A scheme with more selectors (DocuSign has a
 * header per key) takes one signature of each.
 */
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
  const maxSignatures = Math.max(MAX_SIGNATURES, from.length);
  let shown = 0;
  for (const selector of from) {
    if ("header" in selector && (request.header(selector.header)?.length ?? 0) > MAX_SIGNATURE_CHARS)
      return rejected("signature_too_long");
    for (const text of selectedValues(selector, request, item)) {
      shown += 1;
      if (shown > maxSignatures) return rejected("signatures_too_many");
      if (text.length > MAX_SIGNATURE_CHARS) return rejected("signature_too_long");
      const signature = decodeSignature(text, encoding, charsetOf(selector));
      if (signature !== undefined) signatures.push(signature);
    }
  }
  if (signatures.length > 0) return { kind: "presented", signatures };
  const hasHeader = from.some(
    (selector) => "header" in selector && request.header(selector.header) !== undefined,
  );
  return rejected(shown > 0 || hasHeader ? "signature_malformed" : "signature_missing");
}

function judgeAge(scheme: Scheme, request: InboundRequest, nowMs: number, secretIndex: number): Verdict {
  const { timestamp } = scheme;
  if (timestamp === undefined) return { kind: "authentic", secretIndex };
  const text = timestampText(scheme, request);
  if (text === undefined) return rejected("timestamp_missing");
  const timestampMs = parseTimestamp(text, timestamp.unit);
  if (timestampMs === undefined) return rejected("timestamp_malformed");
  const freshness = judgeFreshness(timestampMs, nowMs, freshnessWindow(scheme));
  return freshness === "fresh" ? { kind: "authentic", secretIndex, timestampMs } : rejected(freshness);
}

/** Returns the headers that must not be repeated: verifier and reader could see different values. */
function singleHeaders(scheme: Scheme): string[] {
  const { signature, timestamp, delivery_id = [], content = [], type, account = [], subject = [] } = scheme;
  const selectors: Selector[] = [
    ...(signature?.from ?? []),
    ...(timestamp?.from ?? []),
    ...delivery_id.flatMap(partsOf),
    ...type.from,
    ...(type.suffix === undefined ? [] : [type.suffix]),
    ...account,
    ...subject,
  ];
  const named = [...selectors, ...content].flatMap((part) =>
    typeof part === "object" && "header" in part ? [part.header.toLowerCase()] : [],
  );
  return [...new Set(named)];
}

function rejected(reason: RejectionReason): { kind: "rejected"; reason: RejectionReason } {
  return { kind: "rejected", reason };
}
