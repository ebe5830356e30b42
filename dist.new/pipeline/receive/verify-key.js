import { createHash, createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify, } from "node:crypto";
/** The check for one secret of an endpoint; undefined when the secret cannot be a key of this scheme. */
export function createCheck(scheme, secret) {
    const sign = createSigner(scheme, secret);
    if (sign === undefined)
        return publicKeyCheck(scheme.algorithm, secretBytes(scheme, secret));
    const isToken = scheme.algorithm === "token";
    return (content, signatures) => {
        const expected = isToken ? sha256(sign(content)) : sign(content);
        let matches = 0;
        // All are compared, so that the time does not tell which of them held.
        for (const signature of signatures) {
            const shown = isToken ? sha256(signature) : signature;
            if (shown.length === expected.length && timingSafeEqual(shown, expected))
                matches += 1;
        }
        return matches > 0;
    };
}
/**
 * Signs as the provider does; undefined when the scheme is checked with a public key or not at all, or the secret
 * is empty. The signature of a token is the token.
 */
export function createSigner(scheme, secret) {
    const bytes = secretBytes(scheme, secret);
    if (bytes.length === 0)
        return undefined;
    if (scheme.algorithm === "token")
        return () => bytes;
    if (scheme.algorithm === "sha256-prefixed") {
        return (content) => digest(createHash("sha256").update(bytes), content);
    }
    const hash = HMAC_HASH[scheme.algorithm];
    if (hash === undefined)
        return undefined;
    const key = createSecretKey(bytes);
    return (content) => digest(createHmac(hash, key), content);
}
const HMAC_HASH = {
    "hmac-sha256": "sha256",
    "hmac-sha1": "sha1",
    "hmac-sha512": "sha512",
};
function digest(hashing, content) {
    for (const piece of content) {
        if (typeof piece === "string")
            hashing.update(piece, "latin1");
        else
            hashing.update(piece);
    }
    return hashing.digest();
}
function sha256(bytes) {
    return createHash("sha256").update(bytes).digest();
}
/** The bytes of the key. A secret that is not written as the scheme writes them is taken as text, never refused. */
function secretBytes({ secret: { encoding, prefix } }, secret) {
    if (encoding !== "text") {
        const written = prefix !== undefined && secret.startsWith(prefix) ? secret.slice(prefix.length) : secret;
        const bytes = WRITTEN_AS[encoding].test(written) ? Buffer.from(written, encoding) : Buffer.alloc(0);
        if (bytes.length > 0)
            return bytes;
    }
    return Buffer.from(secret);
}
const WRITTEN_AS = { base64: /^[A-Za-z0-9+/]+={0,2}$/, hex: /^(?:[0-9a-f]{2})+$/i };
function publicKeyCheck(algorithm, bytes) {
    const key = readPublicKey(algorithm, bytes);
    if (key === undefined)
        return undefined;
    const hash = algorithm === "ed25519" ? null : "sha256";
    return (content, signatures) => {
        const signed = Buffer.concat(content.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece)));
        return signatures.some((signature) => verify(hash, signed, key, signature));
    };
}
/** A public key in PEM (or a certificate's), SPKI DER, or, for ed25519, its 32 bytes; of the algorithm's own type. */
function readPublicKey(algorithm, bytes) {
    const type = PUBLIC_KEY_TYPE[algorithm];
    if (type === undefined)
        return undefined;
    try {
        const key = createPublicKey(algorithm === "ed25519" && bytes.length === 32
            ? { key: { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") }, format: "jwk" }
            : bytes.toString("latin1").startsWith("-----BEGIN")
                ? bytes
                : { key: bytes, format: "der", type: "spki" });
        const isP256 = type !== "ec" || key.asymmetricKeyDetails?.namedCurve === "prime256v1";
        return key.asymmetricKeyType === type && isP256 ? key : undefined;
    }
    catch {
        return undefined;
    }
}
const PUBLIC_KEY_TYPE = {
    ed25519: "ed25519",
    "ecdsa-p256-sha256": "ec",
    "rsa-sha256": "rsa",
};
//# sourceMappingURL=verify-key.js.map