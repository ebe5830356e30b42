import { randomUUID } from "node:crypto";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { testRedisUrl } from "../../../test/support/stores.ts";
import { until } from "../../../test/support/until.ts";
import type { Priority } from "../../domain/priority.ts";
import { connectRedis, type RedisClient } from "../../redis/client.ts";
import { openJobQueues } from "../../redis/job-queue.ts";
import { redisKeys } from "../../redis/keys.ts";
import { createWorkers } from "./workers.ts";

const BOUNDS = {
  concurrency: { 1: 2, 2: 2, 3: 2, 4: 2 },
  lockMs: 30_000,
  watchMs: 20,
  stuckMs: 400,
  closeMs: 200,
};

/** Starts a proxy to Redis. After `stick` its connections stay open and silent. */
async function startProxy(): Promise<{ url: string; stick: () => void }> {
  const url = new URL(testRedisUrl());
  const { hostname, port } = url;
  const sockets = new Set<Socket>();
  let isStuck = false;
  const server = createServer((client) => {
    sockets.add(client.on("error", () => {}));
    if (isStuck) return;
    const redis = connect(Number(port), hostname);
    sockets.add(redis.on("error", () => {}));
    for (const [from, to] of [
      [client, redis],
      [redis, client],
    ] as const) {
      from.on("data", (bytes) => isStuck || to.write(bytes));
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    stick() {
      isStuck = true;
    },
  };
}

/** Starts workers that connect to the URL that `urlOf` returns at that time. */
function workersOver(urlOf: () => string) {
  const keys = redisKeys(randomUUID().slice(0, 8));
  const open = (url: string): RedisClient =>
    connectRedis({ url, connectTimeoutMs: 2_000, commandTimeoutMs: 2_000, onError: () => {} }, "jobs");
  const redis = open(testRedisUrl());
  const queues = openJobQueues(redis, keys, () => {});
  const taken: string[] = [];
  const replaced: Priority[] = [];
  let hold: Promise<void> = Promise.resolve();
  const workers = createWorkers({
    connect: () => open(urlOf()),
    keys,
    queues,
    bounds: BOUNDS,
    monotonicMs: () => performance.now(),
    async execute(_lane, { runIds }) {
      taken.push(...runIds);
      await hold;
    },
    onReplaced: (lane) => replaced.push(lane),
    onError: () => {},
  });
  onTestFinished(async () => {
    await Promise.race([workers.stop(), new Promise((resolve) => setTimeout(resolve, 1_000))]);
    await queues.close();
    for (const key of await redis.keys(`${keys.jobs(2)}*`)) await redis.del(key);
    redis.disconnect();
  });
  workers.start();
  return {
    taken,
    replaced,
    watch: () => workers.watch(new AbortController().signal),
    add: (...runIds: string[]) =>
      queues.add(runIds.map((runId) => ({ lane: 2 as const, runIds: [runId], generation: 0 }))),
    holdJobs(until: Promise<void>) {
      hold = until;
    },
  };
}

describe("workers.watch", () => {
  test("replaces a worker whose connection is stuck, and takes the waiting jobs", async () => {
    const proxy = await startProxy();
    let url = proxy.url;
    const workers = workersOver(() => url);
    await workers.add("a");
    await until("the worker takes jobs", () => workers.taken.length === 1);
    proxy.stick();
    url = testRedisUrl();
    await workers.add("b", "c");
    const stuckMs = performance.now();
    await until("the waiting jobs were taken", async () => {
      await workers.watch();
      return workers.taken.length === 3;
    });
    expect(performance.now() - stuckMs).toBeGreaterThan(BOUNDS.stuckMs);
    expect(workers.replaced).toEqual([2]);
    await expect(workers.watch()).resolves.toEqual({ waitMs: BOUNDS.watchMs });
  });

  test("throws while a replaced worker takes no jobs either", async () => {
    const proxy = await startProxy();
    const workers = workersOver(() => proxy.url);
    await workers.add("a");
    await until("the worker takes jobs", () => workers.taken.length === 1);
    proxy.stick();
    await workers.add("b");
    let thrown = "";
    await until("the watch throws", async () => {
      thrown = await workers.watch().then(
        () => "",
        (error: Error) => error.message,
      );
      return thrown !== "";
    });
    expect(thrown).toContain("jobs of P2 wait and no worker takes them");
    expect(workers.replaced.length).toBeGreaterThanOrEqual(2);
    await expect(workers.watch()).rejects.toThrow("P2");
  });

  test("does not replace workers that are idle or have no capacity left", async () => {
    const workers = workersOver(testRedisUrl);
    let end = () => {};
    workers.holdJobs(
      new Promise((resolve) => {
        end = resolve;
      }),
    );
    await workers.add("a", "b", "c");
    await until("two jobs are under way", () => workers.taken.length === 2);
    const from = performance.now();
    await until("it was watched for twice that time", async () => {
      await workers.watch();
      return performance.now() - from > BOUNDS.stuckMs * 2;
    });
    end();
    await until("the third was taken", () => workers.taken.length === 3);
    expect(workers.replaced).toEqual([]);
  });
});
