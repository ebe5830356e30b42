import type { RedisClient } from "./client.ts";

/**
 * Takes tokens from a bucket that all processes share, by the clock of Redis. The bucket fills at `perSecond` and holds
 * the tokens of one second. Returns how long to wait, ms, or 0 if they were taken. More tokens than the bucket holds are
 * granted when it is full, and delay the next ones (the generic cell rate algorithm).
 */
export async function takeTokens(
  redis: RedisClient,
  key: string,
  { perSecond, tokens }: { perSecond: number; tokens: number },
): Promise<number> {
  return Number(await redis.eval(TAKE_TOKENS, 1, key, perSecond, tokens));
}

// The key holds the moment, in microseconds, at which the bucket is full again.
const TAKE_TOKENS = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local step = 1000000 / ARGV[1]
local new_full_at = full_at + step * ARGV[2]
local wait = math.min(new_full_at - now - 1000000, full_at - now)
if wait > 0 then return math.ceil(wait / 1000) end
redis.call('SET', KEYS[1], string.format('%.0f', new_full_at), 'PX', math.ceil((new_full_at - now) / 1000))
return 0`;
