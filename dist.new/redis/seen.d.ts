import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";
/**
 * The dedupe hint: which event a delivery became. Written only after the commit, so a hit means that the event is
 * durable; a miss, a slow or an absent Redis means nothing. `digest` is a hash over tenant, connector, endpoint and
 * delivery key.
 */
export declare function findSeen(redis: RedisClient, keys: RedisKeys, digest: string): Promise<string | undefined>;
/** Remembers a committed delivery for `ttlSeconds`. Never fails: it is a hint. */
export declare function markSeen(redis: RedisClient, keys: RedisKeys, seen: {
    digest: string;
    eventId: string;
    ttlSeconds: number;
}): void;
