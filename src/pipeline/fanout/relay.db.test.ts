import { expect, onTestFinished, test } from "vitest";
import { insertTenant, migratedDatabase } from "../../../test/support/database.ts";
import { testRedisUrl } from "../../../test/support/stores.ts";
import { acceptEvents, type NewEvent } from "../../postgres/events/accept.ts";
import { connectRedis } from "../../redis/client.ts";
import { streamDepths } from "../../redis/event-stream.ts";
import { openJobQueues } from "../../redis/job-queue.ts";
import { redisKeys } from "../../redis/keys.ts";
import { createRelay } from "./relay.ts";

const BOUNDS = {
  ...{ drainMs: 500, minEvents: 4, maxEvents: 100, batchSize: 100, maxTenants: 10 },
  ...{ leaseMs: 60_000, idleMs: 1_000, depthMs: 50, fullMs: 10 },
};

async function relaying(name: string) {
  const { database } = await migratedDatabase();
  await insertTenant(database, "acme");
  const onError = () => {};
  const redis = connectRedis(
    { url: testRedisUrl(), connectTimeoutMs: 2_000, commandTimeoutMs: 2_000, onError },
    "jobs",
  );
  const keys = redisKeys(`relay-${name}-${process.pid}`);
  const queues = openJobQueues(redis, keys, onError);
  onTestFinished(async () => {
    await queues.close();
    redis.disconnect();
  });
  let published = 0;
  const relay = createRelay({
    ...{ database: database.pipeline, redis, keys, queues, bounds: BOUNDS, now: Date.now, onError },
    onPublished: (events) => {
      published += events;
    },
  });
  const accept = async (count: number, leaseMs: number) => {
    const events = Array.from({ length: count }, () => event());
    const result = await acceptEvents(database.ingest, events, { leaseMs });
    return result.kind === "accepted"
      ? result.events.map(({ eventId }) => ({ eventId, lane: 2 as const }))
      : [];
  };
  return {
    relay,
    accept,
    inStream: async () => (await streamDepths(redis, keys)).get(2)?.length,
    published: () => published,
    step: () => relay.step(new AbortController().signal),
  };
}

function event(): NewEvent {
  return {
    ...{
      tenantId: "acme",
      connector: "shop",
      endpoint: "default",
      type: "t",
      source: "webhook",
      priority: 2,
    },
    ...{ subject: undefined, occurredAtMs: undefined, deliveryKey: "", item: 0, headers: {} },
    ...{ contentType: "application/json", payload: Buffer.from("{}"), keys: [] },
  };
}

test("a relay takes what its own process accepts at once, where nothing waits, and claims it no second time", async () => {
  const { relay, accept, inStream, published, step } = await relaying("short");
  // Nothing is known before the first look.
  expect(relay.offer([2])).toBe(0);
  await step();
  const leaseMs = relay.offer([2, 2]);
  expect(leaseMs).toBe(BOUNDS.leaseMs);
  relay.publish(await accept(2, leaseMs));
  await expect.poll(inStream).toBe(2);
  await step();
  expect([await inStream(), published()]).toEqual([2, 2]);
});

test("a relay offers nothing while events wait, or where the consumers have no room", async () => {
  const { relay, accept, inStream, step } = await relaying("full");
  await step();
  // More than there is room for: they are written as due, and from now on others wait.
  expect(relay.offer([2, 2, 2, 2, 2])).toBe(0);
  await accept(5, 0);
  expect(relay.offer([2])).toBe(0);
  await step();
  expect(await inStream()).toBe(4);
  // The fifth still waits, and the lane is full.
  expect(relay.offer([2])).toBe(0);
});
