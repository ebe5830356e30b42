import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { testRedisUrl } from "../../test/support/stores.ts";
import type { Priority } from "../domain/priority.ts";
import { connectRedis } from "./client.ts";
import {
  dropEntries,
  forgetConsumers,
  publishEvents,
  readEvents,
  streamDepths,
  takeOverEvents,
} from "./event-stream.ts";
import { openJobQueues } from "./job-queue.ts";
import { redisKeys } from "./keys.ts";
import { isRedisIntact, markRedisIntact } from "./sentinel.ts";

function setUp() {
  const settings = {
    url: testRedisUrl(),
    connectTimeoutMs: 2_000,
    commandTimeoutMs: 2_000,
    onError: () => {},
  };
  const redis = connectRedis(settings, "jobs");
  const blocking = connectRedis(settings, "blocking");
  const keys = redisKeys(randomBytes(4).toString("hex"));
  onTestFinished(async () => {
    const own = await redis.keys(`headrace:*${keys.sentinel.slice(10, 18)}*`);
    for (const key of own) await redis.del(key);
    redis.disconnect();
    blocking.disconnect();
  });
  const read = (consumer = "a") => readEvents(blocking, keys, { consumer, count: 100, blockMs: 50 });
  const publish = (...events: [string, Priority][]) =>
    publishEvents(
      redis,
      keys,
      events.map(([eventId, lane]) => ({ eventId, lane })),
    );
  return { redis, keys, read, publish };
}

describe("the event stream", () => {
  test("the event stream gives each entry to one consumer, the first lane first", async () => {
    const { read, publish } = setUp();
    expect(await read()).toEqual([]);
    await publish(["p4", 4], ["p2", 2], ["p1", 1], ["p2b", 2]);
    expect((await read()).map((entry) => entry.eventId)).toEqual(["p1", "p2", "p2b", "p4"]);
    expect(await read("b")).toEqual([]);
  });

  test("the event stream returns entries that were added before its group existed", async () => {
    const { read, publish } = setUp();
    await publish(["early", 1]);
    expect(await read()).toEqual([]);
    expect((await read()).map((entry) => entry.eventId)).toEqual(["early"]);
  });

  test("the event stream recreates streams and groups that Redis lost", async () => {
    const { redis, keys, read, publish } = setUp();
    await read();
    await publish(["before", 2]);
    for (const lane of [1, 2, 3, 4] as const) await redis.del(keys.stream(lane));
    await publish(["after", 2]);
    expect(await read()).toEqual([]);
    expect((await read()).map((entry) => entry.eventId)).toEqual(["after"]);
  });

  test("streamDepths counts waiting entries and all that were ever added", async () => {
    const { redis, keys, read, publish } = setUp();
    await read();
    await publish(["1", 2], ["2", 2], ["3", 3]);
    expect((await streamDepths(redis, keys)).get(2)).toEqual({ length: 2, added: 2 });
    await dropEntries(redis, keys, await read());
    const depths = await streamDepths(redis, keys);
    expect([depths.get(1), depths.get(2), depths.get(3)]).toEqual([
      { length: 0, added: 0 },
      { length: 0, added: 2 },
      { length: 0, added: 1 },
    ]);
  });

  test("takeOverEvents takes the entries of a dead consumer, which is then removed", async () => {
    const { redis, keys, read, publish } = setUp();
    await read();
    await publish(["pending", 1]);
    expect(await read("dead")).toHaveLength(1);
    const taken = await takeOverEvents(redis, keys, { consumer: "a", minIdleMs: 0, count: 10 });
    expect(taken.map((entry) => entry.eventId)).toEqual(["pending"]);
    await dropEntries(redis, keys, taken);
    await forgetConsumers(redis, keys, -1);
    expect(await redis.xinfo("CONSUMERS", keys.stream(1), "router")).toEqual([]);
  });
});

describe("the sentinel", () => {
  test("Redis is intact once marked, until the sentinel is missing or of another server", async () => {
    const { redis, keys } = setUp();
    expect(await isRedisIntact(redis, keys.sentinel)).toBe(false);
    await markRedisIntact(redis, keys.sentinel);
    expect(await isRedisIntact(redis, keys.sentinel)).toBe(true);
    await redis.set(keys.sentinel, "another server's run id");
    expect(await isRedisIntact(redis, keys.sentinel)).toBe(false);
  });
});

describe("the job queues", () => {
  test("the job queues keep lanes apart and store only run ids", async () => {
    const { redis, keys } = setUp();
    const queues = openJobQueues(redis, keys, () => {});
    onTestFinished(() => queues.close());
    await queues.add([
      { lane: 1, runIds: ["r1", "r2"], generation: 0 },
      { lane: 4, runIds: ["r3"], generation: 2 },
    ]);
    expect([...(await queues.depths()).values()]).toEqual([1, 0, 0, 1]);
    expect(await redis.hget(`${keys.jobs(4)}:runs:r3.2`, "data")).toBe('{"runIds":["r3"]}');
  });
});
