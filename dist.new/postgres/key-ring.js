import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { HeadraceError } from "../domain/errors.js";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Reads `id:base64(32 bytes)`, comma-separated: the first key seals, all of them open. */
export function createKeyRing(setting) {
    const keys = new Map(setting.split(",").map((entry) => readKey(entry.trim())));
    const [sealingId, sealingKey] = [...keys][0];
    return {
        seal(secret, place) {
            const nonce = randomBytes(NONCE_BYTES);
            const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce).setAAD(Buffer.from(place));
            const sealed = Buffer.concat([
                nonce,
                cipher.update(secret, "utf8"),
                cipher.final(),
                cipher.getAuthTag(),
            ]);
            return { sealed, keyId: sealingId };
        },
        open({ sealed, keyId }, place) {
            const key = keys.get(keyId);
            if (key === undefined) {
                throw new HeadraceError("decryption_failed", `A secret was sealed with key ${keyId}, which is not configured`);
            }
            try {
                const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE_BYTES))
                    .setAAD(Buffer.from(place))
                    .setAuthTag(sealed.subarray(-TAG_BYTES));
                const open = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
                return Buffer.concat([open, decipher.final()]).toString("utf8");
            }
            catch (cause) {
                throw new HeadraceError("decryption_failed", `The secret of ${place} does not open with key ${keyId}`, { cause });
            }
        },
    };
}
function readKey(entry) {
    const [id = "", encoded = "", ...rest] = entry.split(":");
    const key = Buffer.from(encoded, "base64");
    if (!/^[\w.-]{1,64}$/.test(id) || rest.length > 0 || key.length !== 32) {
        throw new HeadraceError("invalid_setting", "HEADRACE_ENCRYPTION_KEYS must be id:base64(32 bytes), comma-separated; make one with: " +
            "echo k1:$(head -c 32 /dev/urandom | base64)");
    }
    return [id, key];
}
//# sourceMappingURL=key-ring.js.map