import { hash } from "node:crypto";

/** Raised when the parts of the key change, so that keys of two versions differ. */
const VERSION = "1";

/**
 * Returns the idempotency key of an event: SHA-256, hex, of (version, tenant, connector, endpoint, delivery key, item). Each
 * part is prefixed by its length, so that different lists of parts have different keys.
 */
export function idempotencyKey(event: {
  tenantId: string;
  connector: string;
  endpoint: string;
  deliveryKey: string;
  item: number;
}): string {
  return digestOf(
    VERSION,
    event.tenantId,
    event.connector,
    event.endpoint,
    event.deliveryKey,
    String(event.item),
  );
}

/** Returns the SHA-256, in hex, of the parts, each prefixed by its length in bytes. */
export function digestOf(...parts: string[]): string {
  let text = "";
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return hash("sha256", text);
}
