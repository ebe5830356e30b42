import { hash } from "node:crypto";

/** Raised when what goes into the key changes: keys of two versions never meet. */
const VERSION = "1";

/**
 * The idempotency key of an event: SHA-256, hex, over (version, tenant, connector, endpoint, delivery key, item).
 * Each part goes in behind its length, so that no two lists of parts read the same.
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

/** SHA-256, hex, over parts of which each stands behind its length in bytes. */
export function digestOf(...parts: string[]): string {
  let text = "";
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return hash("sha256", text);
}
