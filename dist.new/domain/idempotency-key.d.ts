/**
 * The idempotency key of an event: SHA-256, hex, over (version, tenant, connector, endpoint, delivery key, item).
 * Each part goes in behind its length, so that no two lists of parts read the same.
 */
export declare function idempotencyKey(event: {
    tenantId: string;
    connector: string;
    endpoint: string;
    deliveryKey: string;
    item: number;
}): string;
/** SHA-256, hex, over parts of which each stands behind its length in bytes. */
export declare function digestOf(...parts: string[]): string;
