import { createPrivateKey, type KeyObject } from "node:crypto";
import type { Algorithm } from "./scheme.ts";

/** The start of the PKCS #8 form of an ed25519 key, before its 32 bytes (RFC 8410). */
const ED25519_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Parses a private key: PEM, PKCS #8 DER in base64, or, for ed25519, the 32-byte seed in base64 (with or without a
 * `whsk_` prefix) or hex. Undefined if the text is none of these.
 */
export function readPrivateKey(algorithm: Algorithm, text: string): KeyObject | undefined {
  try {
    if (text.startsWith("-----BEGIN")) return createPrivateKey(text);
    const bare = text.replace(/^whsk_/, "");
    const bytes = Buffer.from(bare, /^[0-9a-f]{64}$/i.test(bare) ? "hex" : "base64");
    const isSeed = algorithm === "ed25519" && (bytes.length === 32 || bytes.length === 64);
    const key = isSeed ? Buffer.concat([ED25519_HEAD, bytes.subarray(0, 32)]) : bytes;
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  }
}
