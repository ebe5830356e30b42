import { hash } from "node:crypto";
import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";

/**
 * A polled source in the schedule. The schedule finds the sources that are probably due; PostgreSQL decides, and repairs
 * the schedule where it is wrong or incomplete. Each shard has a sorted set of tenants, by when one of their sources may
 * be due. Each tenant has a sorted set of waiting sources, by due time, and one of sources being polled, by the end of
 * their lease. All times are of the clock of Redis; parameters and results are durations.
 */
export interface ScheduledSource {
  tenantId: string;
  source: string;
}

/** A source that the caller may poll until the lease ends. */
export interface DueSource extends ScheduledSource {
  /** Identifies this claim among all claims of the source. */
  token: string;
  /** How long the source has been due, ms. */
  lateMs: number;
}

/** Bounds of one claim. */
export interface ClaimDue {
  shard: number;
  limit: number;
  /** Urgent sources that may be claimed in addition. */
  urgentLimit: number;
  /** Sources of one tenant that all pollers together poll at once. */
  maxPerTenant: number;
  leaseMs: number;
}

/** Shards of the schedule. A tenant is in one of them; Redis Cluster spreads them over its nodes. */
export const POLL_SHARDS = 4;

/** Returns the shard of a tenant. */
export function pollShard(tenantId: string): number {
  return Number.parseInt(hash("sha256", tenantId).slice(0, 8), 16) % POLL_SHARDS;
}

/**
 * Claims due sources of one shard, atomically, so that no two callers get the same source. Tenants take turns with equal
 * shares of the limit. `nextMs` is the wait before the next claim can find one; undefined for an empty shard.
 */
export async function claimDue(
  redis: RedisClient,
  keys: RedisKeys,
  { shard, limit, urgentLimit, maxPerTenant, leaseMs }: ClaimDue,
): Promise<{ due: DueSource[]; nextMs: number | undefined }> {
  const bounds = [limit, urgentLimit, maxPerTenant, leaseMs];
  const reply = (await redis.eval(CLAIM, 1, keys.polls(shard), ...bounds)) as (string | number)[];
  const token = String(reply[1]);
  const due: DueSource[] = [];
  for (let at = 2; at < reply.length; at += 3) {
    const [tenantId, source, lateMs] = [String(reply[at]), String(reply[at + 1]), Number(reply[at + 2])];
    due.push({ tenantId, source, token, lateMs });
  }
  const nextMs = Number(reply[0]);
  return { due, nextMs: nextMs < 0 ? undefined : nextMs };
}

/** Extends the leases of claims and returns their new tokens; undefined for a claim that was lost. */
export async function renewLeases(
  redis: RedisClient,
  keys: RedisKeys,
  claims: readonly (ScheduledSource & { token: string })[],
  leaseMs: number,
): Promise<(string | undefined)[]> {
  const tokens = new Map<unknown, string>();
  await eachShard(claims, async (shard, ofShard) => {
    const values = ofShard.flatMap(({ tenantId, source, token }) => [tenantId, source, token]);
    const reply = (await redis.eval(RENEW, 1, keys.polls(shard), leaseMs, ...values)) as (string | number)[];
    const [renewed, ...lost] = reply;
    ofShard.forEach((claim, index) => {
      if (!lost.includes(index + 1)) tokens.set(claim, String(renewed));
    });
  });
  return claims.map((claim) => tokens.get(claim));
}

/** A source that is due in `waitMs`, or removed from the schedule if that is undefined. */
export interface NewDue extends ScheduledSource {
  waitMs: number | undefined;
}

/** Ends claims and schedules the next polls of their sources. Ignores claims that were lost. */
export async function releaseClaims(
  redis: RedisClient,
  keys: RedisKeys,
  claims: readonly (NewDue & { token: string })[],
  maxPerTenant: number,
): Promise<void> {
  await putDue(redis, keys, claims, { mode: "release", maxPerTenant });
}

/**
 * Schedules sources as PostgreSQL has them. Ignores those that are being polled. `earlier` only moves a source to an
 * earlier time. `urgent` puts it before all others, beyond the share of its tenant.
 */
export async function schedulePolls(
  redis: RedisClient,
  keys: RedisKeys,
  sources: readonly NewDue[],
  { mode, maxPerTenant }: { mode: "exact" | "earlier" | "urgent"; maxPerTenant: number },
): Promise<void> {
  const tokenless = sources.map((source) => ({ ...source, token: "" }));
  await putDue(redis, keys, tokenless, { mode, maxPerTenant });
}

async function putDue(
  redis: RedisClient,
  keys: RedisKeys,
  sources: readonly (NewDue & { token: string })[],
  { mode, maxPerTenant }: { mode: "release" | "exact" | "earlier" | "urgent"; maxPerTenant: number },
): Promise<void> {
  await eachShard(sources, async (shard, ofShard) => {
    const values = ofShard.flatMap(({ tenantId, source, token, waitMs }) => [
      tenantId,
      source,
      token,
      waitMs === undefined ? -1 : Math.max(0, Math.ceil(waitMs)),
    ]);
    await redis.eval(PUT, 1, keys.polls(shard), mode, maxPerTenant, ...values);
  });
}

/** Sources per script call, so that no script blocks Redis for long. */
const MAX_SOURCES = 500;

async function eachShard<Source extends ScheduledSource>(
  sources: readonly Source[],
  work: (shard: number, ofShard: Source[]) => Promise<void>,
): Promise<void> {
  const shards = new Map<number, Source[]>();
  for (const source of sources) {
    const shard = pollShard(source.tenantId);
    shards.set(shard, [...(shards.get(shard) ?? []), source]);
  }
  await Promise.all(
    [...shards].flatMap(([shard, all]) =>
      Array.from({ length: Math.ceil(all.length / MAX_SOURCES) }, (_, part) =>
        work(shard, all.slice(part * MAX_SOURCES, (part + 1) * MAX_SOURCES)),
      ),
    ),
  );
}

// In all scripts KEYS[1] is the set of tenants of the shard, and the prefix of the keys of the tenants. Times are in
// microseconds, which a score represents exactly. A due time of 0 is urgent. The end of a lease is also the token of the
// claim. A tenant with more due sources takes its next turn after all tenants whose turn came before.
const COMMON = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function waiting(tenant) return KEYS[1] .. ':due:' .. tenant end
local function leases(tenant) return KEYS[1] .. ':leases:' .. tenant end
local function first(key) return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) end
local function leased(tenant, lease)
  if not lease then return 0 end
  if lease > now then return redis.call('ZCARD', leases(tenant)) end
  return redis.call('ZCOUNT', leases(tenant), '(' .. text(now), '+inf')
end
local function set_turn(tenant, due, lease, is_full)
  local at = lease
  if due == 0 then at = 0 elseif due and not is_full then at = math.min(lease or math.huge, math.max(now, due)) end
  if at then redis.call('ZADD', KEYS[1], at, tenant) else redis.call('ZREM', KEYS[1], tenant) end
end
`;

// ARGV: limit, urgent limit, maximum per tenant, lease (ms). Returns the wait before the next claim (ms) and the token of
// all claims, then tenant, source and lateness (ms) of each.
const CLAIM = `${COMMON}
local left, urgent_left = tonumber(ARGV[1]), tonumber(ARGV[2])
local max_per_tenant, ends = tonumber(ARGV[3]), now + ARGV[4] * 1000
local ends_text = text(ends)
local claims, size = {-1, ends_text}, 2
local function claim(tenant, from, found, count)
  local sources, scored, claimed = {}, {}, 0
  for at = 1, math.min(#found, 2 * count), 2 do
    local source, due = found[at], tonumber(found[at + 1])
    claimed = claimed + 1
    sources[claimed] = source
    scored[2 * claimed - 1] = ends_text
    scored[2 * claimed] = source
    claims[size + 1] = tenant
    claims[size + 2] = source
    claims[size + 3] = due == 0 and 0 or math.floor((now - due) / 1000)
    size = size + 3
  end
  if claimed == 0 then return 0 end
  if from then redis.call('ZREM', from, unpack(sources)) end
  redis.call('ZADD', leases(tenant), unpack(scored))
  return claimed
end
local function until_now(key, highest, count)
  return redis.call('ZRANGEBYSCORE', key, '-inf', highest, 'WITHSCORES', 'LIMIT', 0, count)
end
-- Claims up to share sources of a tenant. Returns true if the tenant has more.
local function take_turn(tenant, share)
  local lease, again, new, due = first(leases(tenant)), 0, 0, nil
  local room = math.min(share, max_per_tenant - leased(tenant, lease))
  if share > 0 and lease and lease <= now then
    -- Sources of a poller that died.
    again = claim(tenant, nil, until_now(leases(tenant), text(now), share), share)
    lease = first(leases(tenant))
    room = math.min(share - again, room - again)
  end
  if room > 0 then
    local found = until_now(waiting(tenant), text(now), room + 1)
    new = claim(tenant, waiting(tenant), found, room)
    due = tonumber(found[2 * room + 2])
  end
  if urgent_left > 0 and new >= room then
    local urgent = claim(tenant, waiting(tenant), until_now(waiting(tenant), 0, urgent_left), urgent_left)
    urgent_left = urgent_left - urgent
    if urgent > 0 then due = nil end
    new = new + urgent
  end
  if new > 0 then lease = math.min(lease or ends, ends) end
  left = math.max(0, left - again - new)
  local is_full = lease and leased(tenant, lease) >= max_per_tenant
  set_turn(tenant, due or first(waiting(tenant)), lease, is_full)
  return share > 0 and again + new >= share and not is_full
end
-- A turn is at least a tenth of the limit. The rest is shared by the tenants with more due sources.
local turns = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, math.max(left, urgent_left))
local share = math.ceil(left / math.max(1, math.min(#turns, 10)))
repeat
  local more = {}
  for _, tenant in ipairs(turns) do
    if left == 0 and urgent_left == 0 then break end
    if take_turn(tenant, math.min(left, share)) then more[#more + 1] = tenant end
  end
  turns = more
  share = math.ceil(left / math.max(1, #turns))
until left == 0 or #turns == 0
local next_turn = first(KEYS[1])
if next_turn then claims[1] = math.max(0, math.ceil((next_turn - now) / 1000)) end
return claims`;

// ARGV: lease (ms), then tenant, source and token of each. Returns the new token, then the positions of lost claims.
const RENEW = `${COMMON}
local ends = now + ARGV[1] * 1000
local lost = {text(ends)}
for at = 2, #ARGV, 3 do
  local tenant, source = ARGV[at], ARGV[at + 1]
  if tonumber(redis.call('ZSCORE', leases(tenant), source)) == tonumber(ARGV[at + 2]) then
    redis.call('ZADD', leases(tenant), ends, source)
  else
    lost[#lost + 1] = (at + 1) / 3
  end
end
return lost`;

// ARGV: mode, maximum per tenant, then tenant, source, token and wait (ms) of each. A wait of -1 removes the source.
const PUT = `${COMMON}
local mode, max_per_tenant = ARGV[1], tonumber(ARGV[2])
local touched = {}
for at = 3, #ARGV, 4 do
  local tenant, source, wait = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 3])
  local lease = tonumber(redis.call('ZSCORE', leases(tenant), source))
  -- Without a lease Redis lost the claim: its poller still knows best.
  if not lease or (mode == 'release' and lease == tonumber(ARGV[at + 2])) then
    if lease then redis.call('ZREM', leases(tenant), source) end
    local due = now + wait * 1000
    if wait < 0 then
      redis.call('ZREM', waiting(tenant), source)
    elseif mode == 'urgent' then
      redis.call('ZADD', waiting(tenant), 0, source)
    elseif mode == 'earlier' then
      redis.call('ZADD', waiting(tenant), 'LT', due, source)
    elseif mode == 'release' or redis.call('ZSCORE', waiting(tenant), source) ~= '0' then
      redis.call('ZADD', waiting(tenant), due, source)
    end
    touched[tenant] = true
  end
end
for tenant in pairs(touched) do
  local due, lease = first(waiting(tenant)), first(leases(tenant))
  local turn = tonumber(redis.call('ZSCORE', KEYS[1], tenant))
  -- A tenant that waits for its turn keeps its position.
  if due == 0 or not turn or turn > now then
    set_turn(tenant, due, lease, lease and leased(tenant, lease) >= max_per_tenant)
  end
end
return 0`;
