import { hash } from "node:crypto";
/** Raised when what goes into the key changes: keys of two versions never meet. */
const VERSION = "1";
/**
 * The idempotency key of an event: SHA-256, hex, over (version, tenant, connector, endpoint, delivery key, item).
 * Each part goes in behind its length, so that no two lists of parts read the same.
 */
export function idempotencyKey(event) {
    return digestOf(VERSION, event.tenantId, event.connector, event.endpoint, event.deliveryKey, String(event.item));
}
/** SHA-256, hex, over parts of which each stands behind its length in bytes. */
export function digestOf(...parts) {
    return hash("sha256", parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(""));
}
//# sourceMappingURL=idempotency-key.js.map