import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Scheme } from "../../pipeline/receive/schemes/scheme.ts";

/** The secret of an endpoint and the key of its provider: the same value, or the two halves of a key pair. */
export interface SampleKeys {
  secret: string;
  signingSecret: string;
}

/** Generates keys with which a sample of the scheme is signed and verified. */
export function sampleKeys({ algorithm, secret: { encoding, prefix = "" } }: Scheme): SampleKeys {
  switch (algorithm) {
    case "ed25519":
      return halvesOf(generateKeyPairSync("ed25519"));
    case "ecdsa-p256-sha256":
      return halvesOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));
    case "rsa-sha256":
      return halvesOf(generateKeyPairSync("rsa", { modulusLength: 2048 }));
    default: {
      const bytes = randomBytes(32);
      const text = encoding === "base64" ? bytes.toString("base64") : bytes.toString("hex");
      const secret = algorithm === "basic" ? `user:${text}` : `${prefix}${text}`;
      return { secret, signingSecret: secret };
    }
  }
}

function halvesOf({ publicKey, privateKey }: ReturnType<typeof generateKeyPairSync>): SampleKeys {
  return {
    secret: publicKey.export({ format: "pem", type: "spki" }).toString(),
    signingSecret: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}
