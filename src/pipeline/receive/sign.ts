import { HeadraceError } from "../../domain/errors.ts";
import { formatTimestamp } from "./freshness.ts";
import { InboundRequest } from "./inbound-request.ts";
import type { Place, Scheme } from "./scheme.ts";
import { signedContent } from "./verify-content.ts";
import { encodeSignature } from "./verify-encoding.ts";
import { createSigner } from "./verify-key.ts";

export interface Sample {
  scheme: Scheme;
  secret: string;
  body: Buffer;
  nowMs: number;
  /** The delivery id, where the scheme has a header for one. */
  id: string;
  /** The event type, where the scheme has a header for it; without the part that the body's suffix gives. */
  type: string;
  /** Only where the scheme signs them. */
  method?: string;
  url?: string;
}

/**
 * Signs a delivery as the provider does: the headers that the scheme names, and the body unchanged. What stands
 * in the body (type, id, time) is the caller's. Throws HeadraceError `unprocessable` for a scheme whose signature
 * only the provider's private key can make, or stands in no header.
 */
export function signSample(sample: Sample): { headers: Record<string, string>; body: Buffer } {
  const { scheme, body } = sample;
  const headers: Record<string, string> = {};
  const { timestamp, type } = scheme;
  if (timestamp) put(headers, timestamp.from, formatTimestamp(sample.nowMs, timestamp.unit));
  putFirst(headers, scheme.delivery_id, sample.id);
  const [event] = sample.type.split(".", 1);
  putFirst(headers, type.from, type.suffix === undefined ? sample.type : (event as string));
  if (scheme.signature) {
    const signed = encodeSignature(signatureOf(sample, headers), scheme.signature.encoding);
    const placed = putFirst(headers, scheme.signature.from, signed);
    if (!placed) throw cannotSign("its signature stands in no header");
  }
  return { headers, body };
}

function signatureOf(sample: Sample, headers: Record<string, string>): Buffer {
  const { scheme, secret, body, method = "POST", url = "" } = sample;
  const sign = createSigner(scheme, secret);
  if (sign === undefined) throw cannotSign("it is checked with a public key, or the secret is empty");
  const rawHeaders = Object.entries(headers).flat();
  const content = signedContent(scheme, new InboundRequest({ method, url, rawHeaders, body }));
  if (content.kind === "rejected") throw cannotSign(content.reason);
  return sign(content.pieces);
}

function putFirst(headers: Record<string, string>, places: readonly Place[] = [], value: string): boolean {
  const place = places.find((candidate) => "header" in candidate);
  if (place !== undefined) put(headers, place, value);
  return place !== undefined;
}

/** A header that is a list takes its entries one after another. */
function put(headers: Record<string, string>, place: Place, value: string): void {
  if (!("header" in place)) return;
  const { header, separator, prefix = "" } = place;
  const earlier = headers[header];
  headers[header] = earlier === undefined ? prefix + value : `${earlier}${separator ?? ""}${prefix}${value}`;
}

function cannotSign(why: string): HeadraceError {
  return new HeadraceError("unprocessable", `No sample of this scheme can be signed: ${why}`);
}
