import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { testRedisUrl } from "../../test/support/stores.ts";
import { until } from "../../test/support/until.ts";
import { connectRedis } from "./client.ts";
import { redisKeys } from "./keys.ts";
import {
  claimDue,
  type DueSource,
  type NewDue,
  pollShard,
  releaseClaims,
  renewLeases,
  schedulePolls,
} from "./poll-schedule.ts";

const LEASE_MS = 60_000;

function setUp(maxPerTenant = 1_000) {
  const settings = { connectTimeoutMs: 2_000, commandTimeoutMs: 5_000, onError: () => {} };
  const redis = connectRedis({ url: testRedisUrl(), ...settings }, "jobs");
  const keys = redisKeys(randomBytes(4).toString("hex"));
  onTestFinished(async () => {
    const own = await redis.keys(`${keys.polls(0).slice(0, -2)}*`);
    if (own.length > 0) await redis.del(own);
    redis.disconnect();
  });
  return {
    redis,
    keys,
    schedule: (
      sources: readonly string[],
      waitMs: number | "never" = 0,
      mode: "exact" | "earlier" | "urgent" = "exact",
    ) =>
      schedulePolls(
        redis,
        keys,
        sources.map((name) => ({ ...named(name), waitMs: waitMs === "never" ? undefined : waitMs })),
        { mode, maxPerTenant },
      ),
    async claim(
      tenantId: string,
      over: Partial<{ limit: number; urgentLimit: number; leaseMs: number }> = {},
    ) {
      const { due, nextMs } = await claimDue(redis, keys, {
        shard: pollShard(tenantId),
        limit: 100,
        urgentLimit: 0,
        maxPerTenant,
        leaseMs: LEASE_MS,
        ...over,
      });
      return { token: due[0]?.token ?? "", nextMs, names: due.map(nameOf), due };
    },
    release: (name: string, token: string, waitMs: number | undefined) =>
      releaseClaims(redis, keys, [{ ...named(name), token, waitMs }], maxPerTenant),
  };
}

function named(name: string): Pick<NewDue, "tenantId" | "source"> {
  const [tenantId = "", source = ""] = name.split("/");
  return { tenantId, source };
}

const nameOf = ({ tenantId, source }: DueSource) => `${tenantId}/${source}`;

/** Returns tenants of one shard, so that one claim covers them all. */
function neighbours(count: number): string[] {
  const found: string[] = [];
  for (let n = 0; found.length < count; n += 1) if (pollShard(`t${n}`) === 0) found.push(`t${n}`);
  return found;
}

describe("the schedule of polls", () => {
  test("claimDue gives a due source to one claim and returns when to look again", async () => {
    const { schedule, claim, release } = setUp();
    expect(await claim("a")).toMatchObject({ names: [], nextMs: undefined });
    await schedule(["a/now"]);
    await schedule(["a/later"], 5_000);
    const first = await claim("a");
    expect(first.names).toEqual(["a/now"]);
    expect(first.nextMs).toBeGreaterThan(4_000);
    expect((await claim("a")).names).toEqual([]);
    await release("a/now", first.token, 0);
    expect((await claim("a")).names).toEqual(["a/now"]);
  });

  test("claimDue takes over expired leases, whose old tokens can neither renew nor release", async () => {
    const { redis, keys, schedule, claim, release } = setUp();
    await schedule(["a/s"]);
    const dead = await claim("a", { leaseMs: 1 });
    let next = await claim("a");
    await until("the lease has ended", async () => {
      if (next.names.length === 0) next = await claim("a");
      return next.names.length > 0;
    });
    const claimOf = (token: string) => [{ tenantId: "a", source: "s", token }];
    expect(await renewLeases(redis, keys, claimOf(dead.token), LEASE_MS)).toEqual([undefined]);
    const [renewed = ""] = await renewLeases(redis, keys, claimOf(next.token), LEASE_MS);
    await release("a/s", dead.token, 0);
    await release("a/s", next.token, 0);
    expect((await claim("a")).names).toEqual([]);
    await release("a/s", renewed, 0);
    expect((await claim("a")).names).toEqual(["a/s"]);
  });

  test("claimDue lets tenants take turns, however many sources of one are due", async () => {
    const { schedule, claim } = setUp();
    const [loud = "", ...quiet] = neighbours(4);
    await schedule(Array.from({ length: 2_000 }, (_, n) => `${loud}/s${n}`));
    await schedule(quiet.flatMap((tenant) => [`${tenant}/a`, `${tenant}/b`]));
    const { names } = await claim(loud, { limit: 20 });
    expect(names).toHaveLength(20);
    const ofQuiet = names.filter((name) => !name.startsWith(`${loud}/`));
    expect(ofQuiet.sort()).toEqual(quiet.flatMap((tenant) => [`${tenant}/a`, `${tenant}/b`]).sort());
    // With a limit below the number of tenants, they take turns.
    await schedule(quiet.map((tenant) => `${tenant}/c`));
    const turns = [];
    for (let n = 0; n < 4; n += 1) turns.push(...(await claim(loud, { limit: 1 })).names);
    expect(turns.map((name) => name.split("/")[0]).sort()).toEqual([loud, ...quiet].sort());
  });

  test("claimDue respects the maximum of polls per tenant and continues as they end", async () => {
    const { schedule, claim, release } = setUp(2);
    await schedule(["a/1", "a/2", "a/3"]);
    const { names, token } = await claim("a");
    expect(names).toHaveLength(2);
    expect((await claim("a")).names).toEqual([]);
    await release(names[0] as string, token, 60_000);
    expect((await claim("a")).names).toEqual(["a/3"]);
  });

  test("claimDue returns urgent sources first, also beyond the limits", async () => {
    const { schedule, claim, release } = setUp(1);
    await schedule(["a/1", "a/2"]);
    const first = await claim("a");
    expect(first.names).toEqual(["a/1"]);
    await schedule(["a/1", "a/2"], 0, "urgent");
    // A source that is being polled is not claimed again.
    expect((await claim("a", { limit: 0, urgentLimit: 4 })).names).toEqual(["a/2"]);
    await release("a/1", first.token, 60_000);
    expect((await claim("a", { limit: 0, urgentLimit: 4 })).names).toEqual([]);
  });

  test("schedulePolls removes sources and moves them to an earlier time", async () => {
    const { schedule, claim } = setUp();
    await schedule(["a/gone"]);
    await schedule(["a/gone"], "never");
    expect(await claim("a")).toMatchObject({ names: [], nextMs: undefined });
    await schedule(["a/s"], 60_000);
    await schedule(["a/s"], 90_000, "earlier");
    expect((await claim("a")).nextMs).toBeLessThan(61_000);
    await schedule(["a/s"], 0, "earlier");
    expect((await claim("a")).names).toEqual(["a/s"]);
  });

  test("concurrent claims never overlap and leave no source out", async () => {
    const { schedule, claim, release } = setUp();
    const tenants = neighbours(20);
    const all = tenants.flatMap((tenant) => Array.from({ length: 50 }, (_, n) => `${tenant}/s${n}`));
    await schedule(all);
    const polling = new Set<string>();
    const polls = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (polls.size < all.length || [...polls.values()].some((count) => count < 3)) {
          const { names, token } = await claim(tenants[0] as string, { limit: 30 });
          for (const name of names) {
            expect(polling.has(name)).toBe(false);
            polling.add(name);
          }
          for (const name of names) {
            polls.set(name, (polls.get(name) ?? 0) + 1);
            polling.delete(name);
            await release(name, token, 0);
          }
        }
      }),
    );
    expect(polls.size).toBe(all.length);
  });
});
