import { sign as signWithKey } from "node:crypto";
import { HeadraceError } from "../../../domain/errors.ts";
import { formatTimestamp } from "./freshness.ts";
import { InboundRequest } from "./inbound-request.ts";
import { itemsOf } from "./items.ts";
import { readPrivateKey } from "./private-key.ts";
import type { DeliveryIdPlace, Place, Scheme } from "./scheme.ts";
import { type ContentPiece, signedContent } from "./verify-content.ts";
import { encodeSignature } from "./verify-encoding.ts";
import { createSigner } from "./verify-key.ts";

export interface Sample {
  scheme: Scheme;
  /** The endpoint's secret; the private key where the scheme is checked with a public one. */
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
 * Signs a delivery as the provider does: the headers that the scheme names, and the body, which is unchanged unless
 * the scheme has its signature there. Type, id and time that stand in the body are the caller's. Throws
 * HeadraceError `unprocessable` where the secret is no key to sign with, or the sample lacks what is signed.
 */
export function signSample(sample: Sample): { headers: Record<string, string>; body: Buffer } {
  const { scheme, body } = sample;
  const headers: Record<string, string> = {};
  const { timestamp, type, signature } = scheme;
  if (timestamp) putFirst(headers, timestamp.from, formatTimestamp(sample.nowMs, timestamp.unit));
  putFirst(headers, scheme.delivery_id, sample.id);
  const [event] = sample.type.split(".", 1);
  putFirst(headers, type.from, type.suffix === undefined ? sample.type : (event as string));
  if (signature === undefined) return { headers, body };
  const signed = encodeSignature(signatureOf(sample, headers), signature.encoding);
  if (putFirst(headers, signature.from, signed)) return { headers, body };
  return { headers, body: withSignature(sample, signed) };
}

function signatureOf(sample: Sample, headers: Record<string, string>): Buffer {
  const { scheme, secret, body, method = "POST", url = "" } = sample;
  const sign = createSigner(scheme, secret) ?? createPrivateSigner(scheme, secret);
  if (sign === undefined) {
    throw cannotSign("it is checked with a public key, and the secret is no private one, or it is empty");
  }
  const rawHeaders = Object.entries(headers).flat();
  const content = signedContent(scheme, new InboundRequest({ method, url, rawHeaders, body }));
  if (content.kind === "rejected") throw cannotSign(content.reason);
  return sign(content.pieces);
}

function createPrivateSigner({ algorithm }: Scheme, secret: string) {
  const key = readPrivateKey(algorithm, secret);
  if (key === undefined) return undefined;
  return (content: readonly ContentPiece[]): Buffer => {
    const bytes = content.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece));
    return signWithKey(algorithm === "ed25519" ? null : "sha256", Buffer.concat(bytes), key);
  };
}

/** A signature in the body, which it then does not cover: in one place, or in every item. */
function withSignature({ scheme, body }: Sample, signed: string): Buffer {
  const [place] = scheme.signature?.from ?? [];
  const request = new InboundRequest({ method: "POST", url: "", rawHeaders: [], body });
  const { parsed } = request;
  if (place === undefined || parsed.kind !== "parsed") throw cannotSign("its signature stands in no header");
  const holders = "item" in place ? (itemsOf(scheme, request) ?? []) : "body" in place ? [parsed.data] : [];
  const pointer = "item" in place ? place.item : "body" in place ? place.body : "";
  const path = pointer.slice(1).split("/");
  const name = path.pop() as string;
  for (const holder of holders) {
    const parent = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], holder);
    if (typeof parent !== "object" || parent === null) throw cannotSign("the body has no place for it");
    (parent as Record<string, unknown>)[name] = signed;
  }
  if (holders.length === 0) throw cannotSign("the body has no place for it");
  return Buffer.from(JSON.stringify(parsed.data));
}

function putFirst(
  headers: Record<string, string>,
  places: readonly DeliveryIdPlace[] = [],
  value: string,
): boolean {
  const place = places.find((candidate) => "header" in candidate);
  if (place !== undefined) put(headers, place as Place, value);
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
