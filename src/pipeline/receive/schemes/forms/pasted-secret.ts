import type { Scheme } from "../scheme.ts";
import { createCheck, createSigner, PUBLIC_KEY_TYPE, secretBytes, withoutPrefix } from "../verify-key.ts";

/** A secret as it is stored, or the form that the scheme expects of it. */
export type PastedSecret = { kind: "usable"; value: string } | { kind: "unusable"; expected: string };

/**
 * Reads a secret as a person pasted it. Cuts the blanks around it and reads the forms in which providers and settings
 * show it. Refuses one that can verify no delivery of the scheme, which would be found out only by rejections.
 */
export function readPastedSecret(scheme: Scheme, pasted: string): PastedSecret {
  const value = pasted.replace(BLANKS_AROUND, "");
  if (value === "") return unusable("a secret, not only blanks");
  const { algorithm } = scheme;
  if (algorithm === "none") return usable(value);
  const wrong = scheme.secret.wrong_prefixes?.find((prefix) => value.startsWith(prefix));
  if (wrong !== undefined) return unusable(`${formOf(scheme)}; ${wrong}… is a key of another kind`);
  if (algorithm === "basic") return basicSecret(value);
  if (algorithm === "token") return tokenSecret(scheme, value);
  return PUBLIC_KEY_TYPE[algorithm] === undefined ? sharedSecret(scheme, value) : publicKey(scheme, value);
}

/** Returns the length of the key that a sender must know, in bytes; undefined if a public key verifies, or nothing. */
export function sharedKeyBytes(scheme: Scheme, secret: string): number | undefined {
  const { algorithm } = scheme;
  if (algorithm === "none" || PUBLIC_KEY_TYPE[algorithm] !== undefined) return undefined;
  if (algorithm === "basic") return Buffer.byteLength(secret.slice(secret.indexOf(":") + 1));
  return secretBytes(scheme, secret).length;
}

/** Blanks, line ends, and the invisible characters that are copied from pages. */
const BLANKS_AROUND = /^[\s\u200b\u2060]+|[\s\u200b\u2060]+$/g;

/** The secret of basic is user:password, or the whole header. */
function basicSecret(value: string): PastedSecret {
  const [, credentials] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value) ?? [];
  const read = credentials === undefined ? value : Buffer.from(credentials, "base64").toString();
  return read.includes(":") && !CONTROL.test(read)
    ? usable(read)
    : unusable("user:password, on one line (RFC 7617)");
}

/** A token may be pasted with the text that its header has before it. */
function tokenSecret({ signature }: Scheme, value: string): PastedSecret {
  const selectors = signature?.from ?? [];
  const before = selectors.flatMap((selector) => ("header" in selector ? (selector.prefix ?? "") : []));
  const prefix = before.find((text) => text !== "" && value.toLowerCase().startsWith(text.toLowerCase()));
  const token = prefix === undefined ? value : value.slice(prefix.length).trim();
  if (token === "") return unusable(`the token that follows ${JSON.stringify(prefix)} in the header`);
  return before.length > 0 && CONTROL.test(token)
    ? unusable("a token on one line, as its header carries it")
    : usable(token);
}

function publicKey(scheme: Scheme, pasted: string): PastedSecret {
  // In an environment variable the lines of a PEM are often written as \n.
  const value = pasted.startsWith("-----BEGIN") ? pasted.replaceAll("\\n", "\n") : pasted;
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value))
    return unusable(`${formOf(scheme)}; this is a private key`);
  return createCheck(scheme, value) === undefined ? unusable(formOf(scheme)) : usable(value);
}

function sharedSecret(scheme: Scheme, value: string): PastedSecret {
  const { encoding, strict = false } = scheme.secret;
  const isEncoded = encoding === "base64" || encoding === "hex";
  const rest = withoutPrefix(scheme, value);
  const isMeantSo = strict || rest !== undefined;
  if (isEncoded && isMeantSo && !ENCODED[encoding].test(rest ?? value)) return unusable(formOf(scheme));
  return createSigner(scheme, value) === undefined ? unusable(formOf(scheme)) : usable(value);
}

/** Returns the form of the secrets of a scheme, in words. */
export function formOf(scheme: Scheme): string {
  const { encoding, prefix, strict } = scheme.secret;
  const type = PUBLIC_KEY_TYPE[scheme.algorithm];
  if (type !== undefined) {
    const raw = type === "ed25519" ? "its 32 bytes or " : "";
    const written = encoding === "base64" || encoding === "hex" ? `${raw}SPKI DER in ${encoding}, or ` : "";
    const named = prefix === undefined ? "" : `${prefix} and `;
    return `the public key of ${KEY_NAMES[type]}: ${named}${written}PEM, also of a certificate`;
  }
  if (encoding !== "base64" && encoding !== "hex") return "the secret with which the provider signs";
  const encoded = prefix === undefined ? encoding : `${prefix} and then ${encoding}`;
  return strict === true ? encoded : `${encoded}, or text without ${prefix ?? "an encoding"}`;
}

const KEY_NAMES = { ed25519: "ed25519", ec: "ECDSA P-256", rsa: "RSA" };

/** Base64, also in the alphabet of URLs, and without a length that no bytes have. */
const ENCODED = {
  base64: /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$(?<=.)/,
  hex: /^(?:[0-9a-f]{2})+$/i,
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: a header can carry none of them
const CONTROL = /[\u0000-\u001f\u007f]/;

function usable(value: string): PastedSecret {
  return { kind: "usable", value };
}

function unusable(expected: string): PastedSecret {
  return { kind: "unusable", expected };
}
