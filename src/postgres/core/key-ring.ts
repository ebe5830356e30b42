import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { HeadraceError } from "../../domain/errors.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A stored secret: the nonce, the ciphertext and the tag in one, and the key that sealed it. */
export interface Sealed {
  sealed: Buffer;
  keyId: string;
}

/**
 * Seals secrets with AES-256-GCM. `aad` names the secret's tenant and row and is authenticated with it: a sealed
 * value that was moved to another tenant's row does not open.
 */
export interface KeyRing {
  /** The key that seals. */
  sealingKeyId: string;
  /** Every key of the ring, the sealing one first. */
  keyIds: readonly string[];
  seal(secret: string, aad: string): Sealed;
  /** Throws `decryption_failed` when the key is unknown, the aad differs, or a byte was changed. */
  open(sealed: Sealed, aad: string): string;
}

/** Reads `id:base64(32 bytes)`, comma-separated: the first key seals, all of them open. */
export function createKeyRing(setting: string): KeyRing {
  const entries = setting.split(",").map((entry) => readKey(entry.trim()));
  const keys = new Map(entries);
  if (keys.size < entries.length) {
    throw new HeadraceError("invalid_setting", "HEADRACE_ENCRYPTION_KEYS has two keys of one id");
  }
  const [sealingId, sealingKey] = [...keys][0] as [string, Buffer];
  return {
    sealingKeyId: sealingId,
    keyIds: [...keys.keys()],
    seal(secret, aad) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce).setAAD(Buffer.from(aad));
      const sealed = Buffer.concat([
        nonce,
        cipher.update(secret, "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return { sealed, keyId: sealingId };
    },
    open({ sealed, keyId }, aad) {
      const key = keys.get(keyId);
      if (key === undefined) {
        throw new HeadraceError(
          "decryption_failed",
          `A secret was sealed with key ${keyId}, which is not configured`,
        );
      }
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(aad))
          .setAuthTag(sealed.subarray(-TAG_BYTES));
        const open = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
        return Buffer.concat([open, decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new HeadraceError("decryption_failed", `The secret of ${aad} does not open with key ${keyId}`, {
          cause,
        });
      }
    },
  };
}

function readKey(entry: string): [string, Buffer] {
  const [id = "", encoded = "", ...rest] = entry.split(":");
  const key = Buffer.from(encoded, "base64");
  if (!/^[\w.-]{1,64}$/.test(id) || rest.length > 0 || key.length !== 32) {
    throw new HeadraceError(
      "invalid_setting",
      "HEADRACE_ENCRYPTION_KEYS must be id:base64(32 bytes), comma-separated; make one with: " +
        "echo k1:$(head -c 32 /dev/urandom | base64)",
    );
  }
  return [id, key];
}
