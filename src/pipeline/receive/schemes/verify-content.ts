import { crc32 } from "node:zlib";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import { charsetOf, firstId, valuesAt } from "./selector.ts";
import { twilioBody } from "./twilio-body.ts";

/** A stretch of the signed bytes: a buffer, or a byte string (one character a byte). */
export type ContentPiece = Buffer | string;

export type SignedContent =
  | { kind: "content"; pieces: ContentPiece[] }
  | { kind: "rejected"; reason: "id_missing" | "id_malformed" | "timestamp_missing" | "content_missing" };

/**
 * The bytes that the scheme signs, in pieces that follow one another: the verifier and the signer of samples both
 * take them from here. The body is never copied, decoded or formatted.
 */
export function signedContent(scheme: Scheme, request: InboundRequest): SignedContent {
  const pieces: ContentPiece[] = [];
  let text = "";
  const parts = scheme.content ?? [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] as ContentPart;
    if (part === "body") {
      pieces.push(text, request.body);
      text = "";
      continue;
    }
    const value = partText(part, scheme, request);
    if (value === undefined) return { kind: "rejected", reason: missing(part) };
    const next = parts[index + 1];
    if (part === "id" && holdsDelimiter(value, next)) return { kind: "rejected", reason: "id_malformed" };
    text += value;
  }
  if (text !== "") pieces.push(text);
  return { kind: "content", pieces };
}

type ContentPart = NonNullable<Scheme["content"]>[number];

function missing(part: ContentPart) {
  if (part === "id") return "id_missing";
  return part === "timestamp" ? "timestamp_missing" : "content_missing";
}

function partText(
  part: Exclude<ContentPart, "body">,
  scheme: Scheme,
  request: InboundRequest,
): string | undefined {
  if (part === "method") return request.method;
  if (part === "url") return byteString(request.url, "utf8");
  if (part === "timestamp") return timestampText(scheme, request);
  if (part === "twilio_body") return twilioBody(request);
  if (part === "body_crc32") return String(crc32(request.body));
  if (part === "id") {
    const id = firstId(scheme.delivery_id ?? [], request);
    return id && byteString(id.value, charsetOf(id.place));
  }
  return "literal" in part ? byteString(part.literal, "utf8") : request.header(part.header);
}

/** The time of sending as it was sent; undefined when it is not there, or there more than once. */
export function timestampText(scheme: Scheme, request: InboundRequest): string | undefined {
  for (const place of scheme.timestamp?.from ?? []) {
    const [text, second] = valuesAt(place, request);
    if (text !== undefined) return second === undefined ? text : undefined;
  }
  return undefined;
}

/**
 * An id that holds the delimiter behind it could give some of itself to what follows, under the same signature.
 * A timestamp cannot: only exact times are accepted.
 */
function holdsDelimiter(id: string, next: ContentPart | undefined): boolean {
  return typeof next === "object" && "literal" in next && id.includes(next.literal);
}

/** ASCII, which is nearly everything, is the same in both. */
function byteString(text: string, charset: "latin1" | "utf8"): string {
  if (charset === "latin1" || Buffer.byteLength(text) === text.length) return text;
  return Buffer.from(text).toString("latin1");
}
