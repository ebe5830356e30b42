import type { SignatureEncoding } from "./scheme.ts";
/**
 * The bytes that a signature is written for, or undefined when it is not written exactly as the encoding writes
 * them. Node's own decoders skip what they do not know, so that altered signatures would hold.
 */
export declare function decodeSignature(text: string, encoding: SignatureEncoding, charset: "latin1" | "utf8"): Buffer | undefined;
/** The text that `decodeSignature` reads these bytes from; a byte string where the encoding is text. */
export declare function encodeSignature(bytes: Buffer, encoding: SignatureEncoding): string;
