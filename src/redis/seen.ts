import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * Looks up the event ids of earlier deliveries, in the order of the digests. Marks are written after the commit, so a hit
 * means that the event is durable. A miss means nothing: Redis may be slow or away. A digest is a hash of tenant,
 * connector, endpoint and delivery key.
 */
export async function findSeen(
  redis: RedisClient,
  keys: RedisKeys,
  digests: readonly string[],
): Promise<(string | undefined)[]> {
  try {
    const eventIds = await redis.mget(digests.map((digest) => keys.seen(digest)));
    return eventIds.map((eventId) => eventId ?? undefined);
  } catch {
    return digests.map(() => undefined);
  }
}

/** A committed delivery and the id of its event. */
export interface SeenDelivery {
  digest: string;
  eventId: string;
}

/** Marks committed deliveries for `ttlSeconds`. Ignores errors: the marks are hints. */
export function markSeen(
  redis: RedisClient,
  keys: RedisKeys,
  { seen, ttlSeconds }: { seen: readonly SeenDelivery[]; ttlSeconds: number },
): void {
  if (seen.length === 0) return;
  const names = seen.map(({ digest }) => keys.seen(digest));
  const eventIds = seen.map(({ eventId }) => eventId);
  redis.eval(MARK_SEEN, names.length, ...names, ttlSeconds, ...eventIds).catch(() => {});
}

/** KEYS: the marks. ARGV: their time to live (s), then the event id of each. */
const MARK_SEEN = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end`;
