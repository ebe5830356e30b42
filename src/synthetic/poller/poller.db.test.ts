import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { insertSource } from "../../../test/support/polled-source.ts";
import { testRedisUrl } from "../../../test/support/stores.ts";
import { until } from "../../../test/support/until.ts";
import type { Database } from "../../postgres/core/database.ts";
import { createKeyRing } from "../../postgres/core/key-ring.ts";
import { findSchedules, requestPoll } from "../../postgres/sources/poll-requests.ts";
import { deleteSource } from "../../postgres/sources/sources.ts";
import { connectRedis } from "../../redis/client.ts";
import { redisKeys } from "../../redis/keys.ts";
import { schedulePolls } from "../../redis/poll-schedule.ts";
import { createLoop, type Loop, type Step } from "../../runtime/loop.ts";
import adaptivePolicy from "../policy/policy.ts";
import type { Fleet } from "../policy/poll-policy.ts";
import type { PollClaim, PollOutcome, PollSource } from "../poll/poll-outcome.ts";
import { createSharedRateLimits } from "../rate-limits/shared-rate-limits.ts";
import { createPollTurns } from "./poll-turns.ts";
import { createPoller } from "./poller.ts";
import { createScheduleWatch } from "./schedule-watch.ts";

const KEY_RING = createKeyRing(`k1:${Buffer.alloc(32, 7).toString("base64")}`);

async function setUp() {
  const { database } = await migratedDatabase({ maxPipelineConnections: 12 });
  const settings = { connectTimeoutMs: 2_000, commandTimeoutMs: 2_000, onError: () => {} };
  const redis = connectRedis({ url: testRedisUrl(), ...settings }, "jobs");
  const keys = redisKeys(randomBytes(4).toString("hex"));
  onTestFinished(() => redis.disconnect());
  const forget = async () => {
    const own = await redis.keys(`headrace:{${keys.sentinel.slice(10, 18)}*`);
    if (own.length > 0) await redis.del(own);
  };
  onTestFinished(forget);
  const put = (over: Partial<Parameters<typeof insertSource>[2]> = {}) =>
    insertSource(database, KEY_RING, {
      connectorSource: { request: { url: "https://shop.example" } },
      // Short intervals, so that sources are due again soon.
      definition: { base_interval_seconds: 1, min_interval_seconds: 1, max_interval_seconds: 1 },
      ...over,
    });
  /** Starts a poller with its loops, as a process does. */
  function start(
    pollSource: PollSource,
    over: { leaseMs?: number; concurrency?: number; rate?: number } = {},
  ) {
    const { leaseMs = 3_000, concurrency = 8, rate = 10_000 } = over;
    const fleet: Fleet & { pairs: number } = {
      budget: { rate, burst: rate },
      pairs: 1,
      connectors: [],
      rng: Math.random,
      shared: {},
      queueLag: 0,
      tokensAvailable: () => rate,
      keepsToBases: true,
    };
    const rateLimits = createSharedRateLimits({ redis, keys, fleet, onBudget: () => {} });
    const turns = createPollTurns({ policy: adaptivePolicy(), fleet, rateLimits, now: Date.now });
    const errors: unknown[] = [];
    const polled: PollOutcome[] = [];
    const loop = (name: string, step: Step): Loop =>
      createLoop({
        name,
        step,
        backoff: { kind: "fixed", delayMs: 50, maxDelayMs: 50 },
        onError: (error) => void errors.push(error),
      });
    const poller = createPoller({
      onUnavailable: () => {},
      database: database.pipeline,
      redis,
      keys,
      turns,
      pollSource,
      refreshLimits: rateLimits.refresh,
      bounds: {
        concurrency,
        urgent: 2,
        maxPerTenant: 50,
        leaseMs,
        heartbeatMs: leaseMs / 3,
        followMs: 50,
        idleMs: 100,
      },
      monotonicMs: () => performance.now(),
      onFree: () => polls.wake(),
      onError: (error) => void errors.push(error),
      onPolled: (_, outcome) => void polled.push(outcome),
    });
    const polls = loop("polls", poller.step);
    const heartbeat = loop("heartbeat", poller.heartbeat);
    const watch = loop(
      "watch",
      createScheduleWatch({
        database: database.pipeline,
        redis,
        keys,
        now: Date.now,
        onRebuilt: () => {},
        bounds: {
          intervalMs: 100,
          batchSize: 50,
          overdueMs: 2_000,
          overdueIntervalMs: 500,
          maxPerTenant: 50,
        },
        onDue: () => polls.wake(),
      }),
    );
    for (const one of [polls, heartbeat, watch]) one.start();
    const stop = async () => {
      await Promise.all([polls.stop(), watch.stop()]);
      await poller.handBack();
      await heartbeat.stop();
    };
    onTestFinished(stop);
    return {
      poller,
      polls,
      polled,
      errors,
      stop,
      die: () => Promise.all([polls, heartbeat, watch].map((one) => one.stop())),
    };
  }
  return { database, redis, keys, put, start, forget };
}

function outcomeOf(claim: PollClaim, over: Partial<PollOutcome> = {}): PollOutcome {
  return {
    id: claim.pollId,
    status: "ok",
    complete: true,
    records: 10,
    created: 0,
    updated: 0,
    deleted: 0,
    restored: 0,
    held: undefined,
    error: undefined,
    startedAtMs: Date.now(),
    finishedAtMs: Date.now(),
    requests: 1,
    notBeforeMs: undefined,
    rateLimit: undefined,
    first: false,
    ...over,
  };
}

/** Records polls as a provider sees them. Fences come from PostgreSQL and only rise. */
function provider(
  work: (claim: PollClaim, options: Parameters<PollSource>[1]) => Promise<Partial<PollOutcome> | undefined>,
) {
  const seen = { polls: new Map<string, number[]>(), together: 0, under: new Set<string>() };
  const pollSource: PollSource = async (claim, options) => {
    const name = `${claim.tenantId}/${claim.source}`;
    if (seen.under.has(name)) seen.together += 1;
    seen.under.add(name);
    const fences = seen.polls.get(name) ?? [];
    seen.polls.set(name, fences);
    if (claim.fence <= (fences.at(-1) ?? 0)) seen.together += 1;
    fences.push(claim.fence);
    try {
      const over = await work(claim, options);
      return over === undefined ? undefined : outcomeOf(claim, over);
    } finally {
      seen.under.delete(name);
    }
  };
  return { seen, pollSource };
}

const shownOf = async (database: Database, source = "orders") =>
  (await database.withTenant("acme", (t) => findSchedules(t, "acme", [source])))[0];

describe("pollers", () => {
  test("pollers keep polling every source, one poller at a time, over losses of Redis", async () => {
    const { put, start, forget } = await setUp();
    const sources = Array.from({ length: 30 }, (_, n) => `s${n}`);
    for (const source of sources) await put({ source, tenantId: `t${source.length}` });
    const { seen, pollSource } = provider(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
      return {};
    });
    const pollers = Array.from({ length: 4 }, () => start(pollSource));
    const least = () => Math.min(...[...seen.polls.values()].map((fences) => fences.length));
    for (let round = 1; round <= 4; round += 1) {
      await until(`round ${round}`, () => seen.polls.size === sources.length && least() >= 2 * round);
      await forget();
    }
    expect(seen.together).toBe(0);
    expect(pollers.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("a poller takes over a poll after its lease expired, with the poll id that a caller waits for", async () => {
    const { database, put, start } = await setUp();
    await put();
    let taken: PollClaim | undefined;
    const dead = start(
      async (claim) => {
        taken = claim;
        return await new Promise<undefined>(() => {});
      },
      { leaseMs: 1_000 },
    );
    await until("it is taken", () => taken !== undefined);
    const asked = await database.withTenant("acme", (t) =>
      requestPoll(t, { tenantId: "acme", source: "orders" }),
    );
    await dead.die();
    const diedAt = performance.now();
    const { seen, pollSource } = provider(async () => ({}));
    const other = start(pollSource);
    await until("the other polls it", () => other.polled.length > 0);
    expect(performance.now() - diedAt).toBeLessThan(2_000);
    expect(seen.polls.get("acme/orders")?.[0]).toBeGreaterThan(taken?.fence ?? 0);
    expect(asked).toEqual({ kind: "requested", pollId: other.polled[0]?.id, isRunning: true });
  });

  test("a poller whose lease was lost sends no request and does not reschedule the source", async () => {
    const { database, put, start } = await setUp();
    await put();
    let go: (() => void) | undefined;
    let admitted: number | undefined;
    const slow = start(
      async (claim, { admit }) => {
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        admitted = admit();
        return outcomeOf(claim, { status: "error", error: { code: "late", message: "late" } });
      },
      { leaseMs: 600 },
    );
    await until("it is taken", () => go !== undefined);
    await slow.die();
    const { pollSource } = provider(async () => ({}));
    const other = start(pollSource);
    await until("the other polls it", () => other.polled.length > 0);
    go?.();
    await until("the slow one ends", () => admitted !== undefined);
    expect(admitted).toBeGreaterThan(0);
    await slow.poller.drained();
    expect((await shownOf(database))?.lastError).toBeUndefined();
    expect(slow.polled).toEqual([]);
  });

  test("pollers honour a Retry-After even after Redis lost it, and only for the limit it belongs to", async () => {
    const { database, put, start, forget } = await setUp();
    await put();
    await put({ source: "products" });
    await put({ source: "orders", tenantId: "globex" });
    let limitedAt = 0;
    let retryAfterMs = 0;
    const early: number[] = [];
    const { seen, pollSource } = provider(async ({ tenantId }) => {
      if (tenantId !== "acme") return {};
      if (limitedAt > 0 && Date.now() < limitedAt + retryAfterMs) early.push(Date.now() - limitedAt);
      if (limitedAt > 0) return {};
      limitedAt = Date.now();
      retryAfterMs = 3_000;
      return { status: "rate_limited", complete: false, notBeforeMs: limitedAt + retryAfterMs };
    });
    const pollers = [start(pollSource, { concurrency: 1 })];
    await until(
      "it was limited",
      () => pollers[0]?.polled.some(({ status }) => status === "rate_limited") === true,
    );
    early.length = 0;
    pollers.push(start(pollSource), start(pollSource));
    await forget();
    const globex = seen.polls.get("globex/orders")?.length ?? 0;
    const asked = await database.withTenant("acme", (t) =>
      requestPoll(t, { tenantId: "acme", source: "orders" }),
    );
    expect(asked).toMatchObject({ kind: "held" });
    const polled = () =>
      (seen.polls.get("acme/orders")?.length ?? 0) + (seen.polls.get("acme/products")?.length ?? 0);
    const before = polled();
    await until("both are polled again", () => polled() >= before + 2);
    expect(early).toEqual([]);
    expect(seen.polls.get("globex/orders")?.length).toBeGreaterThan(globex);
  });

  test("pollers report a failing source, back off from it, and poll it at once on request", async () => {
    const { database, redis, keys, put, start } = await setUp();
    await put({
      definition: { base_interval_seconds: 60, min_interval_seconds: 60, max_interval_seconds: 60 },
    });
    let fails = true;
    const error = { code: "http_500", message: "It answered 500" };
    const { seen, pollSource } = provider(async () =>
      fails ? { status: "error", complete: false, error } : { updated: 3 },
    );
    const { polled } = start(pollSource);
    await until("it failed", () => polled.length === 1);
    const shown = await shownOf(database);
    expect(shown).toMatchObject({ failures: 1, lastError: error });
    expect(shown?.reasons.join(" ")).toContain("failed");
    fails = false;
    const name = { tenantId: "acme", source: "orders" };
    const asked = await database.withTenant("acme", (t) => requestPoll(t, name));
    await schedulePolls(redis, keys, [{ ...name, waitMs: 0 }], { mode: "urgent", maxPerTenant: 50 });
    await until("it is polled", () => polled.length === 2);
    expect(asked).toMatchObject({ pollId: polled[1]?.id });
    expect(await shownOf(database)).toMatchObject({ failures: 0, lastError: undefined });
    expect(seen.together).toBe(0);
  });

  test("pollers hand back their polls to others when they stop", async () => {
    const { put, start } = await setUp();
    await put();
    let begun = false;
    const leaving = start(
      async (_, { signal }) => {
        begun = true;
        return await new Promise<undefined>((resolve) =>
          signal.addEventListener("abort", () => resolve(undefined)),
        );
      },
      { leaseMs: 60_000 },
    );
    await until("it is taken", () => begun);
    await leaving.stop();
    const { pollSource } = provider(async () => ({}));
    const other = start(pollSource);
    await until("another polls it", () => other.polled.length > 0, { withinMs: 5_000 });
  });

  test("pollers stop polling a deleted source and stay within their concurrency", async () => {
    const { database, put, start } = await setUp();
    for (const source of ["a", "b", "c", "d"]) await put({ source });
    let most = 0;
    const { seen, pollSource } = provider(async () => {
      most = Math.max(most, seen.under.size);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return {};
    });
    start(pollSource, { concurrency: 2 });
    await until("all were polled", () => seen.polls.size === 4);
    await database.transaction((t) => deleteSource(t, { tenantId: "acme", source: "a" }));
    const polls = seen.polls.get("acme/a")?.length;
    const others = () =>
      Math.min(...["b", "c", "d"].map((name) => seen.polls.get(`acme/${name}`)?.length ?? 0));
    const before = others();
    await until("the others go on", () => others() >= before + 2);
    expect(seen.polls.get("acme/a")?.length).toBe(polls);
    expect(most).toBe(2);
  });

  test("pollers stay within the request budget", async () => {
    const { put, start } = await setUp();
    for (let n = 0; n < 20; n += 1) await put({ source: `s${n}` });
    let requests = 0;
    const { pollSource } = provider(async () => {
      requests += 1;
      return {};
    });
    const from = performance.now();
    for (let n = 0; n < 3; n += 1) start(pollSource, { rate: 4 });
    await until("some were polled", () => requests >= 12);
    const seconds = (performance.now() - from) / 1_000;
    expect(requests).toBeLessThanOrEqual(4 + 4 * seconds + 1);
  });
});
