import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { testRedisUrl } from "../../../test/support/stores.ts";
import { connectRedis } from "../../redis/client.ts";
import { redisKeys } from "../../redis/keys.ts";
import type { Fleet, Observation } from "../policy/poll-policy.ts";
import { createSharedRateLimits, type LimitedPoll } from "./shared-rate-limits.ts";

function setUp() {
  const settings = { connectTimeoutMs: 2_000, commandTimeoutMs: 2_000, onError: () => {} };
  const redis = connectRedis({ url: testRedisUrl(), ...settings }, "jobs");
  const keys = redisKeys(randomBytes(4).toString("hex"));
  onTestFinished(() => redis.disconnect());
  /** Starts the rate limits of one process. */
  const process = (over: { rate?: number; url?: string } = {}) => {
    const { rate = 10_000, url } = over;
    const away = url === undefined ? redis : connectRedis({ url, ...settings }, "request");
    if (away !== redis) onTestFinished(() => away.disconnect());
    const fleet: Fleet = {
      budget: { rate, burst: rate },
      pairs: 1,
      connectors: [],
      rng: () => 0.5,
      shared: {},
      queueLag: 0,
      tokensAvailable: () => rate,
    };
    return createSharedRateLimits({ redis: away, keys, fleet, onBudget: () => {} });
  };
  return { process, redis, keys };
}

const poll = (limit: string, over: Partial<LimitedPoll> = {}): LimitedPoll => ({
  limit,
  cost: 1,
  rateLimit: undefined,
  ...over,
});

const seen = (now: number, over: Partial<Observation>): Observation => ({
  now,
  scheduledAt: now,
  startedAt: now,
  kind: "ok",
  changed: 0,
  total: 10,
  elapsed: 60,
  retryAfter: null,
  rateLimit: null,
  requests: 1,
  first: false,
  ...over,
});

const never = new AbortController().signal;

describe("shared rate limits", () => {
  test("a rate limit that one process hit holds the others until its end, and no other limit", async () => {
    const { process } = setUp();
    const [one, other] = [process(), process()];
    expect(await one.admit(poll("a"), 1_000)).toBe(0);
    await one.observe(poll("a"), seen(1_000, { kind: "rate_limited", retryAfter: 30 }));
    expect(await other.admit(poll("a"), 1_001)).toBeGreaterThanOrEqual(29);
    expect(await other.admit(poll("b"), 1_001)).toBe(0);
    expect(await other.admit(poll("a"), 1_031)).toBe(0);
  });

  test("running polls of other processes learn of a rate limit", async () => {
    const { process } = setUp();
    const [one, other] = [process(), process()];
    await other.admit(poll("a"), 1_000);
    await one.hold("a", 20, 1_000);
    expect(one.heldFor("a", 1_005)).toBe(15);
    expect(other.heldFor("a", 1_005)).toBe(0);
    await other.refresh(["a", "unknown"]);
    expect(other.heldFor("a", 1_005)).toBe(15);
  });

  test("the running requests of all processes count against the requests that headers leave", async () => {
    const { process } = setUp();
    const processes = Array.from({ length: 4 }, () => process());
    await processes[0]?.admit(poll("a"), 1_000);
    await processes[0]?.observe(
      poll("a"),
      seen(1_000, { rateLimit: { limit: 100, remaining: 10, reset: 60 } }),
    );
    const waits = await Promise.all(
      Array.from({ length: 20 }, (_, n) => processes[n % 4]?.admit(poll("a"), 1_001)),
    );
    expect(waits.filter((waitS) => waitS === 0)).toHaveLength(10);
  });

  test("a configured rate applies to all processes together, request by request", async () => {
    const { process } = setUp();
    const limited = poll("a", { cost: 30, rateLimit: { requests: 20, per_seconds: 1 } });
    const processes = [process(), process(), process()];
    const from = performance.now();
    let sent = 0;
    await Promise.all(
      processes.map(async (own) => {
        while (performance.now() - from < 1_500) {
          await own.pace(limited, never);
          sent += 1;
        }
      }),
    );
    const seconds = (performance.now() - from) / 1_000;
    expect(sent).toBeLessThanOrEqual(20 * Math.ceil(seconds));
    expect(sent).toBeGreaterThan(10);
  });

  test("the budget applies to all processes, and a poll it refuses counts against no rate limit", async () => {
    const { process } = setUp();
    const [one, other] = [process({ rate: 5 }), process({ rate: 5 })];
    await one.observe(poll("a"), seen(1_000, { rateLimit: { limit: 100, remaining: 10, reset: 60 } }));
    const waits = [];
    for (let n = 0; n < 12; n += 1) waits.push(await (n % 2 === 0 ? one : other).admit(poll("a"), 1_001));
    const refused = waits.filter((waitS) => waitS > 0);
    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...refused)).toBeLessThan(2);
    // Ten requests were left, and about five were sent.
    expect(await process().admit(poll("a", { cost: 2 }), 1_002)).toBe(0);
  });

  test("a process keeps rate limits on its own while Redis is unavailable", async () => {
    const { process } = setUp();
    const alone = process({ url: "redis://127.0.0.1:1" });
    expect(await alone.admit(poll("a"), 1_000)).toBe(0);
    await alone.observe(poll("a"), seen(1_000, { kind: "rate_limited", retryAfter: 30 }));
    expect(await alone.admit(poll("a"), 1_010)).toBeGreaterThan(19);
  });
});
