import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * The dedupe hint: which events deliveries became, in their order, by one command. Written only after the commit, so a
 * hit means that the event is durable; a miss, a slow or an absent Redis means nothing. A digest is a hash over tenant,
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

/** A delivery that was committed, and the event that it became. */
export interface SeenDelivery {
  digest: string;
  eventId: string;
}

/** Remembers committed deliveries for `ttlSeconds`, in one command. Never fails: they are hints. */
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

/** KEYS: the marks. ARGV: how long they live, then the event id of each. A thousand commands would cost a thousand times. */
const MARK_SEEN = `
for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end`;
