import { hrtime } from "node:process";
import { Redis } from "ioredis";
import { redisKeys } from "../src/redis/keys.ts";
import { claimDue, POLL_SHARDS, releaseClaims, schedulePolls } from "../src/redis/poll-schedule.ts";
import { type BenchStores, type Row, row } from "./servers.ts";

const SOURCES = 200_000;
const CONNECTIONS = 8;
const BATCH = 100;
const NO_CAP = { maxPerTenant: Number.MAX_SAFE_INTEGER };

/**
 * Claims due sources in batches of 100, by eight connections at once: all sources of one tenant, of a hundred, of two
 * thousand. The reference is the minimum of a claim: moving members between sorted sets of the same Redis.
 */
export async function benchPollSchedule(stores: BenchStores): Promise<Row[]> {
  const rows: Row[] = [];
  const reference = await movesPerSecond(stores.redisUrl);
  rows.push(row("reference: members moved, 100 per script", reference, "moves/s"));
  for (const tenants of [1, 100, 2_000]) {
    const figures = await claimsPerSecond(stores.redisUrl, tenants);
    rows.push(
      row(`claims, ${tenants} tenants`, figures.claims, "claims/s", { atLeast: 100_000 }),
      row("  claims / reference", figures.claims / reference, "ratio"),
      row("  releases", figures.releases, "/s"),
      row("  claimed twice", figures.twice, "sources", { atMost: 0 }),
      row("  memory of a waiting source", figures.bytes, "B", { atMost: 150 }),
    );
  }
  return rows;
}

async function claimsPerSecond(url: string, tenants: number) {
  const redis = new Redis(url);
  const keys = redisKeys(`bench${tenants}`);
  const sources = Array.from({ length: SOURCES }, (_, n) => ({
    tenantId: `tenant-${n % tenants}`,
    source: `orders-of-shop-${n}`,
    waitMs: 0,
  }));
  const before = await usedBytes(redis);
  for (let at = 0; at < SOURCES; at += 2_000) {
    await schedulePolls(redis, keys, sources.slice(at, at + 2_000), { mode: "exact", ...NO_CAP });
  }
  const bytes = ((await usedBytes(redis)) - before) / SOURCES;
  const claimed: { tenantId: string; source: string; token: string; waitMs: number }[] = [];
  const claiming = await timed(url, async (own, connection) => {
    for (
      let shard = connection % POLL_SHARDS, empty = 0;
      empty < POLL_SHARDS;
      shard = (shard + 1) % POLL_SHARDS
    ) {
      const { due } = await claimDue(own, keys, {
        shard,
        limit: BATCH,
        urgentLimit: 0,
        leaseMs: 600_000,
        ...NO_CAP,
      });
      empty = due.length === 0 ? empty + 1 : 0;
      for (const one of due) claimed.push({ ...one, waitMs: 600_000 });
    }
  });
  const unique = new Set(claimed.map(({ source }) => source)).size;
  let at = 0;
  const releasing = await timed(url, async (own) => {
    while (at < claimed.length) {
      const part = claimed.slice(at, at + BATCH);
      at += BATCH;
      await releaseClaims(own, keys, part, NO_CAP.maxPerTenant);
    }
  });
  await redis.flushall();
  redis.disconnect();
  return {
    claims: claimed.length / claiming,
    releases: claimed.length / releasing,
    twice: claimed.length - unique + (SOURCES - unique),
    bytes,
  };
}

async function movesPerSecond(url: string): Promise<number> {
  const redis = new Redis(url);
  for (let at = 0; at < SOURCES; at += 1_000) {
    const scored = Array.from({ length: 1_000 }, (_, n) => [at + n, `orders-of-shop-${at + n}`]).flat();
    await redis.zadd("{moves}:from", ...scored);
  }
  const script = `
    local found = redis.call('ZRANGE', '{moves}:from', 0, 99)
    if #found == 0 then return found end
    redis.call('ZREM', '{moves}:from', unpack(found))
    local scored = {}
    for _, member in ipairs(found) do scored[#scored + 1] = 1; scored[#scored + 1] = member end
    redis.call('ZADD', '{moves}:to', unpack(scored))
    return found`;
  const seconds = await timed(url, async (own) => {
    while (((await own.eval(script, 0)) as string[]).length > 0);
  });
  await redis.flushall();
  redis.disconnect();
  return SOURCES / seconds;
}

/** The time for all connections to do it at once, s. */
async function timed(
  url: string,
  work: (redis: Redis, connection: number) => Promise<void>,
): Promise<number> {
  const connections = Array.from({ length: CONNECTIONS }, () => new Redis(url));
  await Promise.all(connections.map((redis) => redis.ping()));
  const from = hrtime.bigint();
  await Promise.all(connections.map(work));
  const seconds = Number(hrtime.bigint() - from) / 1e9;
  for (const redis of connections) redis.disconnect();
  return seconds;
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info("memory"))?.[1]);
}
