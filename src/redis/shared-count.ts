import type { RedisClient } from "./client.ts";

/**
 * Takes a share of a count that all processes share. Reports that this process has `mine` and takes up to `want` more,
 * while all processes together stay within `bound`. A report expires after `ttlMs` unless it is repeated. It contains the
 * whole share, so that the next call repairs a count that Redis lost. Returns the permits taken and those of the others.
 */
export async function takeShare(
  redis: RedisClient,
  key: string,
  share: { owner: string; mine: number; want: number; bound: number; ttlMs: number },
): Promise<{ taken: number; others: number }> {
  const { owner, mine, want, bound, ttlMs } = share;
  const [taken, others] = (await redis.eval(TAKE_SHARE, 1, key, owner, mine, want, bound, ttlMs)) as [
    number,
    number,
  ];
  return { taken, others };
}

// A hash by owner. Each value is the share and the time when it expires (ms).
const TAKE_SHARE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local parts = redis.call('HGETALL', KEYS[1])
local others = 0
for i = 1, #parts, 2 do
  local part, ends = string.match(parts[i + 1], '(%d+) (%d+)')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], parts[i])
  elseif parts[i] ~= ARGV[1] then
    others = others + tonumber(part)
  end
end
local mine = tonumber(ARGV[2])
local taken = math.max(0, math.min(tonumber(ARGV[3]), tonumber(ARGV[4]) - others - mine))
if mine + taken > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %.0f', mine + taken, now + ARGV[5]))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {taken, others}`;
