import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { testRedisUrl } from "../../../../test/support/stores.ts";
import { connectRedis } from "../../../redis/client.ts";
import { redisKeys } from "../../../redis/keys.ts";
import { takeShare } from "../../../redis/shared-count.ts";
import { createSharedSemaphore, type SharedSemaphore, type TakeShare } from "./shared-semaphore.ts";

const BOUNDS = {
  statedMs: 4_000,
  ttlMs: 15_000,
  spare: 8,
  settleMs: 5,
  aloneMs: 50,
  minDelayMs: 100,
  maxDelayMs: 30_000,
};

function setUp() {
  const installation = randomUUID().slice(0, 8);
  const keys = redisKeys(installation);
  const redis = connectRedis(
    { url: testRedisUrl(), connectTimeoutMs: 2_000, commandTimeoutMs: 2_000, onError: () => {} },
    "jobs",
  );
  const lose = async () => {
    await redis.del(keys.share("k"));
  };
  onTestFinished(async () => {
    await lose();
    redis.disconnect();
  });
  /** Creates the semaphore of one process, which counts its calls to Redis. */
  const process = (over: Partial<typeof BOUNDS> = {}): SharedSemaphore & { calls: number } => {
    const bounds = { ...BOUNDS, ...over };
    const owner = randomUUID();
    const take: TakeShare = (key, share) => {
      semaphore.calls += 1;
      return takeShare(redis, keys.share(key), { ...share, owner, ttlMs: bounds.ttlMs });
    };
    const semaphore = Object.assign(
      createSharedSemaphore({ takeShare: take, bounds, monotonicMs: () => performance.now() }),
      { calls: 0 },
    );
    return semaphore;
  };
  return { process, lose };
}

async function entered(semaphore: SharedSemaphore, times: number, bound: number): Promise<number> {
  const permits = await Promise.all(Array.from({ length: times }, () => semaphore.acquire("k", bound)));
  return permits.filter((permit) => permit.kind === "entered").length;
}

describe("createSharedSemaphore", () => {
  test("bounds permits over processes, and hands released permits to another process", async () => {
    const { process } = setUp();
    const [one, two] = [process(), process()];
    const first = await Promise.all([entered(one, 30, 40), entered(two, 30, 40)]);
    expect(first[0] + first[1]).toBe(40);
    expect(await entered(two, 1, 40)).toBe(0);
    for (let n = 0; n < first[0]; n += 1) one.release("k", 10);
    await expect.poll(() => entered(two, 40, 40)).toBe(first[0]);
  });

  test("seldom calls Redis while few permits are used", async () => {
    const { process } = setUp();
    const one = process();
    for (let n = 0; n < 1_000; n += 1) {
      expect(await one.acquire("k", 1_000)).toEqual({ kind: "entered" });
      one.release("k", 1);
    }
    expect(one.calls).toBe(1);
  });

  test("restores the shares of permits that Redis lost with the next statement of each process", async () => {
    const { process, lose } = setUp();
    const [one, two] = [process(), process()];
    expect(await entered(one, 40, 40)).toBe(40);
    await lose();
    await one.state(new AbortController().signal);
    expect(await entered(two, 10, 40)).toBe(0);
  });

  test("frees the permits of a lost process", async () => {
    const { process } = setUp();
    const [one, two] = [process({ ttlMs: 100 }), process()];
    expect(await entered(one, 10, 10)).toBe(10);
    await expect.poll(() => entered(two, 1, 10)).toBe(1);
  });

  test("bounds the permits of each process alone while Redis is away", async () => {
    const semaphore = createSharedSemaphore({
      takeShare: () => Promise.reject(new Error("away")),
      bounds: BOUNDS,
      monotonicMs: () => performance.now(),
    });
    expect(await entered(semaphore, 30, 10)).toBe(10);
    semaphore.release("k", 1);
    expect(await entered(semaphore, 5, 10)).toBe(1);
  });

  test("proposes longer waits to later callers that get no permit", async () => {
    const { process } = setUp();
    const one = process();
    await entered(one, 2, 2);
    const permits = await Promise.all(Array.from({ length: 20 }, () => one.acquire("k", 2)));
    const delays = permits.map((permit) => (permit.kind === "full" ? permit.delayMs : 0));
    expect(delays[0]).toBeGreaterThanOrEqual(100);
    expect((delays.at(-1) ?? 0) - (delays[0] ?? 0)).toBeGreaterThan(500);
  });

  test("proposes to wait as long again as no permit was released", async () => {
    let nowMs = 1_000;
    const semaphore = createSharedSemaphore({
      takeShare: () => Promise.reject(new Error("away")),
      bounds: BOUNDS,
      monotonicMs: () => nowMs,
    });
    expect(await entered(semaphore, 2, 2)).toBe(2);
    const delay = async () => {
      const permit = await semaphore.acquire("k", 2);
      return permit.kind === "full" ? permit.delayMs : 0;
    };
    expect(await delay()).toBeLessThan(1_000);
    nowMs += 8_000;
    expect(await delay()).toBeGreaterThanOrEqual(8_000);
  });
});
