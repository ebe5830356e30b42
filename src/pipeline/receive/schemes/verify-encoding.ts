import type { SignatureEncoding } from "./scheme.ts";

/**
 * Decodes a signature. Undefined if the text is not exactly as the encoding writes it: Node's own decoders skip unknown
 * characters, so that altered signatures would be valid.
 */
export function decodeSignature(
  text: string,
  encoding: SignatureEncoding,
  charset: "latin1" | "utf8",
): Buffer | undefined {
  if (encoding === "text") return Buffer.from(text, charset);
  if (encoding === "base64") {
    const bytes = Buffer.from(text, "base64");
    return bytes.length > 0 && bytes.toString("base64") === text ? bytes : undefined;
  }
  return (encoding === "hex" ? HEX : HEX_ANY_CASE).test(text) ? Buffer.from(text, "hex") : undefined;
}

/** Encodes a signature so that `decodeSignature` can decode it. A byte string if the encoding is text. */
export function encodeSignature(bytes: Buffer, encoding: SignatureEncoding): string {
  if (encoding === "text") return bytes.toString("latin1");
  return bytes.toString(encoding === "base64" ? "base64" : "hex");
}

const HEX = /^(?:[0-9a-f]{2})+$/;
const HEX_ANY_CASE = /^(?:[0-9a-f]{2})+$/i;
