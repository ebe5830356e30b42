import { sign as signWithKey } from "node:crypto";
import { HeadraceError } from "../../../domain/errors.ts";
import { writeJson } from "../../../domain/json/exact-number.ts";
import { formatTimestamp } from "./freshness.ts";
import { InboundRequest } from "./inbound-request.ts";
import { outerItems } from "./items.ts";
import { readPrivateKey } from "./private-key.ts";
import type { DeliveryIdSelector, Scheme, Selector } from "./scheme.ts";
import { type ContentPiece, signedContent } from "./verify-content.ts";
import { encodeSignature } from "./verify-encoding.ts";
import { createSigner } from "./verify-key.ts";

/** A delivery to be signed. */
export interface Sample {
  scheme: Scheme;
  /** The endpoint's secret, or the private key if the scheme verifies with a public key. */
  secret: string;
  body: Buffer;
  nowMs: number;
  /** The delivery id, set if the scheme reads it from a header. */
  id: string;
  /** The event type, set if the scheme reads it from a header, without the suffix that the body gives. */
  type: string;
  /** Needed only if the scheme signs them. */
  method?: string;
  url?: string;
}

/**
 * Signs a delivery as the provider does. Returns the headers of the scheme and the body, which changes only if the
 * scheme has its signature there. The caller sets a type, id or time in the body. Throws `unprocessable` if the secret
 * cannot sign, or if the sample lacks signed content.
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
    throw cannotSign("it is verified with a public key, and the secret is empty or no private key");
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

/** Writes the signature into the body, which it does not cover: at one pointer, or in every item. */
function withSignature({ scheme, body }: Sample, signed: string): Buffer {
  const [selector] = scheme.signature?.from ?? [];
  const request = new InboundRequest({ method: "POST", url: "", rawHeaders: [], body });
  const { parsed } = request;
  if (selector === undefined || parsed.kind !== "parsed")
    throw cannotSign("its signature is not in a header");
  const parents =
    "item" in selector ? (outerItems(scheme, request) ?? []) : "body" in selector ? [parsed.data] : [];
  const pointer = "item" in selector ? selector.item : "body" in selector ? selector.body : "";
  const path = pointer.slice(1).split("/");
  const name = path.pop() as string;
  for (const root of parents) {
    const parent = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], root);
    if (typeof parent !== "object" || parent === null) throw cannotSign("the body lacks the object for it");
    (parent as Record<string, unknown>)[name] = signed;
  }
  if (parents.length === 0) throw cannotSign("the body lacks the object for it");
  return Buffer.from(writeJson(parsed.data));
}

function putFirst(
  headers: Record<string, string>,
  selectors: readonly DeliveryIdSelector[] = [],
  value: string,
): boolean {
  const selector = selectors.find((candidate) => "header" in candidate);
  if (selector !== undefined) put(headers, selector as Selector, value);
  return selector !== undefined;
}

/** Sets a header, or appends to it if it is a list. */
function put(headers: Record<string, string>, selector: Selector, value: string): void {
  if (!("header" in selector)) return;
  const { header, separator, prefix = "" } = selector;
  const earlier = headers[header];
  headers[header] = earlier === undefined ? prefix + value : `${earlier}${separator ?? ""}${prefix}${value}`;
}

function cannotSign(why: string): HeadraceError {
  return new HeadraceError("unprocessable", `A sample of this scheme cannot be signed: ${why}`);
}
