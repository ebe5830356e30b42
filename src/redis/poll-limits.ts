import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * What pollers share of the limits of providers and of their own budget. All of it may be lost: what is learned is
 * learned again, and that nothing may be sent before a moment is in PostgreSQL too.
 */

/** A bucket that fills at `perSecond` and holds `burst`. */
export interface PollBucket {
  key: string;
  perSecond: number;
  burst: number;
}

/**
 * Takes tokens from a bucket by Redis's own clock. Answers how long to wait, ms, 0 when they were taken, and how many
 * it then holds. More than it can hold are let through when it is full, and paid for afterwards.
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

/** Texts of limits, by their digests; undefined for what nothing is known of. */
export async function readLimits(
  redis: RedisClient,
  keys: RedisKeys,
  digests: readonly string[],
): Promise<(string | undefined)[]> {
  if (digests.length === 0) return [];
  const texts = await redis.mget(digests.map((digest) => keys.pollLimit(digest)));
  return texts.map((text) => text ?? undefined);
}

/** Puts a limit's text in place of the one that was read; false when another has done so. */
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
