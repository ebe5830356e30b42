import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * Shared state of the rate limits of providers and of the budget of all polls. Redis may lose it: limits are learned
 * again, and PostgreSQL also has the moment before which nothing may be sent.
 */

/** A bucket that fills at `perSecond` and holds `burst`. */
export interface PollBucket {
  key: string;
  perSecond: number;
  burst: number;
}

/**
 * Takes tokens from a bucket by the clock of Redis. Returns how long to wait, ms, or 0 if they were taken, and the tokens
 * left. More tokens than the burst are granted when the bucket is full, and delay the next ones.
 */
export async function takeFromBucket(
  redis: RedisClient,
  { key, perSecond, burst }: PollBucket,
  tokens: number,
): Promise<{ waitMs: number; left: number }> {
  const reply = (await redis.eval(TAKE, 1, key, tokens, perSecond, burst)) as [number, string];
  return { waitMs: reply[0], left: Number(reply[1]) };
}

// The key holds the moment, in microseconds, at which the bucket is full again.
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, burst = 1000000 / ARGV[2], tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local new_full_at = full_at + step * ARGV[1]
local left = burst - (full_at - now) / step
local wait = math.min(new_full_at - now - step * burst, full_at - now)
if wait > 0 then return {math.ceil(wait / 1000), tostring(left)} end
redis.call('SET', KEYS[1], string.format('%.0f', new_full_at), 'PX', math.ceil((new_full_at - now) / 1000) + 1)
return {0, tostring(left - ARGV[1])}`;

/** Returns the stored texts of limits, by their digests; undefined for unknown limits. */
export async function readLimits(
  redis: RedisClient,
  keys: RedisKeys,
  digests: readonly string[],
): Promise<(string | undefined)[]> {
  if (digests.length === 0) return [];
  const texts = await redis.mget(digests.map((digest) => keys.pollLimit(digest)));
  return texts.map((text) => text ?? undefined);
}

/** Replaces the text of a limit if it is still the one that was `read`. Returns false if another caller was faster. */
export async function replaceLimit(
  redis: RedisClient,
  keys: RedisKeys,
  limit: { digest: string; read: string | undefined; text: string; ttlMs: number },
): Promise<boolean> {
  const { digest, read, text, ttlMs } = limit;
  return (await redis.eval(REPLACE, 1, keys.pollLimit(digest), read ?? "", text, Math.ceil(ttlMs))) === 1;
}

const REPLACE = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;
