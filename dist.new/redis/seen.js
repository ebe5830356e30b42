/**
 * The dedupe hint: which event a delivery became. Written only after the commit, so a hit means that the event is
 * durable; a miss, a slow or an absent Redis means nothing. `digest` is a hash over tenant, connector, endpoint and
 * delivery key.
 */
export async function findSeen(redis, keys, digest) {
    try {
        return (await redis.get(keys.seen(digest))) ?? undefined;
    }
    catch {
        return undefined;
    }
}
/** Remembers a committed delivery for `ttlSeconds`. Never fails: it is a hint. */
export function markSeen(redis, keys, seen) {
    redis.set(keys.seen(seen.digest), seen.eventId, "EX", seen.ttlSeconds).catch(() => { });
}
//# sourceMappingURL=seen.js.map