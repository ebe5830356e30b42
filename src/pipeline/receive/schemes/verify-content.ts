import { crc32 } from "node:zlib";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import { charsetOf, firstId, selectedValues } from "./selector.ts";
import { twilioBody } from "./twilio-body.ts";

/** A section of the signed bytes: a buffer, or a byte string (one character per byte). */
export type ContentPiece = Buffer | string;

/** The signed content of a request, or the reason why there is none. */
export type SignedContent =
  | { kind: "content"; pieces: ContentPiece[] }
  | { kind: "rejected"; reason: "id_missing" | "id_malformed" | "timestamp_missing" | "content_missing" };

/**
 * Returns the bytes that the scheme signs, in consecutive pieces. Both the verifier and the signer of samples use it.
 * The body is never copied, decoded or formatted. `url` is a form of the request's URL.
 */
export function signedContent(
  scheme: Scheme,
  request: InboundRequest,
  url: string = request.url,
): SignedContent {
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
    const value = part === "url" ? byteString(url, "utf8") : partText(part, scheme, request);
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
  part: Exclude<ContentPart, "body" | "url">,
  scheme: Scheme,
  request: InboundRequest,
): string | undefined {
  if (part === "method") return request.method;
  if (part === "timestamp") return timestampText(scheme, request);
  if (part === "twilio_body") return twilioBody(request);
  if (part === "body_crc32") return String(crc32(request.body));
  if (part === "id") {
    const id = firstId(scheme.delivery_id ?? [], request);
    return id && byteString(id.value, charsetOf(id.selector));
  }
  return "literal" in part ? byteString(part.literal, "utf8") : request.header(part.header);
}

/** Returns the time of sending as it was sent. Undefined if it is missing or repeated. */
export function timestampText(scheme: Scheme, request: InboundRequest): string | undefined {
  for (const selector of scheme.timestamp?.from ?? []) {
    const [text, second] = selectedValues(selector, request);
    if (text !== undefined) return second === undefined ? text : undefined;
  }
  return undefined;
}

/**
 * Reports whether an id contains the delimiter after it: part of the id could then be moved into the next part under
 * the same signature. A timestamp cannot contain it: only exact times are accepted.
 */
function holdsDelimiter(id: string, next: ContentPart | undefined): boolean {
  return typeof next === "object" && "literal" in next && id.includes(next.literal);
}

/** ASCII, which nearly all texts are, is the same in both charsets. */
function byteString(text: string, charset: "latin1" | "utf8"): string {
  if (charset === "latin1" || Buffer.byteLength(text) === text.length) return text;
  return Buffer.from(text).toString("latin1");
}
