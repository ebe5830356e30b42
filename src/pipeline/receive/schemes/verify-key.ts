import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  createVerify,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { LONG_BODY_BYTES } from "../deferred-work.ts";
import type { Hashing, InboundRequest } from "./inbound-request.ts";
import type { Algorithm, Scheme } from "./scheme.ts";
import type { ContentPiece } from "./verify-content.ts";

/** Reports whether one of the signatures was made with the key over the content. Never throws. */
export type SignatureCheck = (
  content: readonly ContentPiece[],
  signatures: readonly Buffer[],
  digests?: KeptDigests,
) => boolean;

/** Caches the digests of a long body, which are computed in slices. */
export type KeptDigests = Pick<InboundRequest, "body" | "digest">;

/** Creates the check for one secret. Undefined if the secret cannot be a key of this scheme. */
export function createCheck(scheme: Scheme, secret: string): SignatureCheck | undefined {
  const sign = createSigner(scheme, secret);
  if (sign === undefined) return publicKeyCheck(scheme.algorithm, secretBytes(scheme, secret));
  const isToken = scheme.algorithm === "token" || scheme.algorithm === "basic";
  return (content, signatures, digests) => {
    const expected = isToken ? sha256(sign(content)) : sign(content, digests);
    let matches = 0;
    // All are compared, so that the time does not reveal which of them is valid.
    for (const signature of signatures) {
      const shown = isToken ? sha256(signature) : signature;
      if (shown.length === expected.length && timingSafeEqual(shown, expected)) matches += 1;
    }
    return matches > 0;
  };
}

/** Creates a check that always fails but takes as long as a real one: it uses a random key of the scheme's kind. */
export function createDecoyCheck({ algorithm }: Scheme): SignatureCheck {
  const type = PUBLIC_KEY_TYPE[algorithm];
  if (type === undefined) {
    const key = createSecretKey(randomBytes(32));
    const hash = HMAC_HASH[algorithm] ?? "sha256";
    return (content, signatures, digests) => {
      const expected = digest(() => createHmac(hash, key), content, key, digests);
      for (const shown of signatures) if (shown.length === expected.length) timingSafeEqual(shown, expected);
      return false;
    };
  }
  const check = createPublicKeyCheck(algorithm, decoyKey(type));
  return (content, signatures, digests) => {
    check(content, signatures, digests);
    return false;
  };
}

const DECOY_KEYS = new Map<string, KeyObject>();

/** Created once, when the first scheme of its kind is loaded. */
function decoyKey(type: "ed25519" | "ec" | "rsa"): KeyObject {
  let key = DECOY_KEYS.get(type);
  if (key === undefined) {
    if (type === "ed25519") key = generateKeyPairSync("ed25519").publicKey;
    else if (type === "ec") key = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    else key = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
    DECOY_KEYS.set(type, key);
  }
  return key;
}

/**
 * Creates a function that signs as the provider does. Undefined if the scheme verifies with a public key or not at
 * all, or if the secret is empty. The signature of a token is the token.
 */
export function createSigner(
  scheme: Scheme,
  secret: string,
): ((content: readonly ContentPiece[], digests?: KeptDigests) => Buffer) | undefined {
  const bytes = secretBytes(scheme, secret);
  if (bytes.length === 0) return undefined;
  if (scheme.algorithm === "token" || scheme.algorithm === "basic") return () => bytes;
  if (scheme.algorithm === "sha256-prefixed") {
    return (content, digests) => digest(() => createHash("sha256").update(bytes), content, bytes, digests);
  }
  const hash = HMAC_HASH[scheme.algorithm];
  if (hash === undefined) return undefined;
  const key = createSecretKey(bytes);
  return (content, digests) => digest(() => createHmac(hash, key), content, key, digests);
}

const HMAC_HASH: Partial<Record<Algorithm, string>> = {
  "hmac-sha256": "sha256",
  "hmac-sha1": "sha1",
  "hmac-sha512": "sha512",
};

function digest(
  open: () => Hashing,
  content: readonly ContentPiece[],
  key: unknown,
  digests: KeptDigests | undefined,
): Buffer {
  if (digests !== undefined && digests.body.length > LONG_BODY_BYTES)
    return digests.digest(key, content, open);
  const hashing = open();
  for (const piece of content) {
    if (typeof piece === "string") hashing.update(piece, "latin1");
    else hashing.update(piece);
  }
  return hashing.digest();
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** Returns the bytes of the key. A secret that is not in the scheme's encoding is used as text. */
/** Returns the bytes of the key in a secret. */
export function secretBytes(scheme: Scheme, secret: string): Buffer {
  const { encoding } = scheme.secret;
  if (encoding === "html") return Buffer.from(decodeEntities(secret));
  if (encoding !== "text") {
    const rest = withoutPrefix(scheme, secret.trim());
    // Only a prefix proves that a secret with - or _ is base64 in the alphabet of URLs.
    const form = rest !== undefined && encoding === "base64" ? BASE64_OF_ANY_ALPHABET : WRITTEN_AS[encoding];
    const written = rest ?? secret.trim();
    const bytes = form.test(written) ? Buffer.from(written, encoding) : Buffer.alloc(0);
    if (bytes.length > 0) return bytes;
  }
  return Buffer.from(secret);
}

/** Returns the key after the longest of the scheme's prefixes that the secret begins with. Undefined if it has none. */
export function withoutPrefix({ secret }: Scheme, value: string): string | undefined {
  const prefixes = [
    ...(secret.prefix === undefined ? [] : [secret.prefix]),
    ...(secret.other_prefixes ?? []),
  ];
  const found = prefixes.filter((prefix) => value.startsWith(prefix)).map(({ length }) => length);
  return found.length === 0 ? undefined : value.slice(Math.max(...found));
}

const BASE64_OF_ANY_ALPHABET = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** Decodes the entities that WordPress writes in text and attributes. */
function decodeEntities(text: string): string {
  return text.replace(/&(lt|gt|quot|#0?39|amp);/g, (_, name: string) => ENTITIES[name] ?? "'");
}

const ENTITIES: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&" };

const WRITTEN_AS = { base64: /^[A-Za-z0-9+/]+={0,2}$/, hex: /^(?:[0-9a-f]{2})+$/i };

function publicKeyCheck(algorithm: Algorithm, bytes: Buffer): SignatureCheck | undefined {
  const key = readPublicKey(algorithm, bytes);
  return key === undefined ? undefined : createPublicKeyCheck(algorithm, key);
}

function createPublicKeyCheck(algorithm: Algorithm, key: KeyObject): SignatureCheck {
  const hash = algorithm === "ed25519" ? null : "sha256";
  const keyName = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64");
  return (content, signatures, digests) => {
    // Ed25519 signs its content in one piece.
    if (hash !== null && digests !== undefined && digests.body.length > LONG_BODY_BYTES) {
      return signatures.some((signature) => {
        const name = `${keyName} ${signature.toString("base64")}`;
        return digests.digest(name, content, () => openVerification(hash, key, signature))[0] === 1;
      });
    }
    const signed = Buffer.concat(
      content.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece)),
    );
    return signatures.some((signature) => verify(hash, signed, key, signature));
  };
}

/** Verifies a signature like a digest, piece by piece. The digest is one byte: 1 if the signature is valid. */
function openVerification(hash: string, key: KeyObject, signature: Buffer): Hashing {
  const verification = createVerify(hash);
  return {
    update: (piece: Buffer | string, encoding?: "latin1") =>
      typeof piece === "string"
        ? verification.update(piece, encoding ?? "latin1")
        : verification.update(piece),
    digest: () => Buffer.from([verification.verify(key, signature) ? 1 : 0]),
  };
}

/**
 * Parses a public key: PEM (also of a certificate), SPKI DER, or the 32 bytes of ed25519. It must fit the algorithm.
 */
function readPublicKey(algorithm: Algorithm, bytes: Buffer): KeyObject | undefined {
  const type = PUBLIC_KEY_TYPE[algorithm];
  if (type === undefined) return undefined;
  try {
    const key = createPublicKey(
      algorithm === "ed25519" && bytes.length === 32
        ? { key: { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") }, format: "jwk" }
        : bytes.toString("latin1").startsWith("-----BEGIN")
          ? bytes
          : { key: bytes, format: "der", type: "spki" },
    );
    const isP256 = type !== "ec" || key.asymmetricKeyDetails?.namedCurve === "prime256v1";
    return key.asymmetricKeyType === type && isP256 ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The type of the public key of each algorithm that has one. */
export const PUBLIC_KEY_TYPE: Partial<Record<Algorithm, "ed25519" | "ec" | "rsa">> = {
  ed25519: "ed25519",
  "ecdsa-p256-sha256": "ec",
  "rsa-sha256": "rsa",
};
