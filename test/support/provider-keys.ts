import { generateKeyPairSync } from "node:crypto";
import { PRESETS, presetScheme } from "../../src/pipeline/receive/presets/index.ts";
import type { Scheme } from "../../src/pipeline/receive/schemes/scheme.ts";

/** The secret of an endpoint and the key of its provider: the same value, or the two halves of a key pair. */
export interface ProviderKeys {
  secret: string;
  signingSecret: string;
}

/** Keys in the form used by the preset's provider. */
export function providerKeys(preset: string): ProviderKeys {
  const scheme = schemeWithSample(preset);
  switch (scheme.algorithm) {
    case "ed25519":
      return pairOf(generateKeyPairSync("ed25519"), preset === "discord" ? "hex" : "base64");
    case "ecdsa-p256-sha256": {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        secret: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
        signingSecret: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
      };
    }
    case "rsa-sha256": {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      return {
        secret: publicKey.export({ format: "pem", type: "spki" }).toString(),
        signingSecret: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
      };
    }
    default: {
      const bytes = Buffer.from("a secret of thirty-two bytes 012");
      const secret =
        scheme.algorithm === "basic"
          ? "user:password"
          : scheme.secret.encoding === "base64"
            ? `${scheme.secret.prefix ?? ""}${bytes.toString("base64")}`
            : `${preset}-secret-0123456789`;
      return { secret, signingSecret: secret };
    }
  }
}

/** The scheme of a preset under the params of its sample. */
export function schemeWithSample(preset: string): Scheme {
  return presetScheme(preset, { ...PRESETS.get(preset)?.sample.params });
}

/** A raw public key in the given encoding, and the private key as PEM. */
function pairOf(
  { publicKey, privateKey }: ReturnType<typeof generateKeyPairSync>,
  encoding: "hex" | "base64",
): ProviderKeys {
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    secret: encoding === "hex" ? raw.toString("hex") : `whpk_${raw.toString("base64")}`,
    signingSecret: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}
