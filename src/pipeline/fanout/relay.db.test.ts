import { expect, onTestFinished, test } from "vitest";
import { insertTenant, migratedDatabase } from "../../../test/support/database.ts";
import { testRedisUrl } from "../../../test/support/stores.ts";
import { acceptEvents, type NewEvent } from "../../postgres/events/accept.ts";
import { connectRedis } from "../../redis/client.ts";
import { publishEvents, streamDepths } from "../../redis/event-stream.ts";
import { openJobQueues } from "../../redis/job-queue.ts";
import { redisKeys } from "../../redis/keys.ts";
import { createLaneRoom } from "./lane-room.ts";
import { createRelay } from "./relay.ts";

const BOUNDS = {
  drainMs: 500,
  minEvents: 4,
  maxEvents: 100,
  batchSize: 100,
  maxTenants: 10,
  leaseMs: 60_000,
  idleMs: 1_000,
  depthMs: 50,
  fullMs: 10,
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
  const room = createLaneRoom({ redis, keys, queues, bounds: BOUNDS, now: Date.now });
  const relay = createRelay({
    database: database.pipeline,
    redis,
    keys,
    room,
    bounds: BOUNDS,
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
    room,
    accept,
    publish: async (events: { eventId: string; lane: 2 }[]) => await publishEvents(redis, keys, events),
    inStream: async () => (await streamDepths(redis, keys)).get(2)?.length,
    published: () => published,
    step: () => relay(new AbortController().signal),
  };
}

function event(): NewEvent {
  return {
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    type: "t",
    source: "webhook",
    priority: 2,
    subject: undefined,
    occurredAtMs: undefined,
    deliveryKey: "",
    item: 0,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from("{}"),
    keys: [],
  };
}

test("a relay does not claim events that were accepted under a lease and published", async () => {
  const { room, accept, publish, inStream, published, step } = await relaying("short");
  // Room is unknown before the first step.
  expect(room.takeIfIdle([2])).toBeUndefined();
  await step();
  expect(room.takeIfIdle([2, 2])).toBeDefined();
  await publish(await accept(2, BOUNDS.leaseMs));
  await expect.poll(inStream).toBe(2);
  await step();
  expect([await inStream(), published()]).toEqual([2, 0]);
});

test("a lane gives no room to accepted events while others wait or the lane is full", async () => {
  const { room, accept, inStream, step } = await relaying("full");
  await step();
  // More than the room: these are written as due, and from now on events wait.
  expect(room.takeIfIdle([2, 2, 2, 2, 2])).toBeUndefined();
  await accept(5, 0);
  expect(room.takeIfIdle([2])).toBeUndefined();
  await step();
  expect(await inStream()).toBe(4);
  // The fifth still waits, and the lane is full.
  expect(room.takeIfIdle([2])).toBeUndefined();
});

test("a lane gets its room back when events are not committed", async () => {
  const { room, step } = await relaying("released");
  await step();
  const taken = room.takeIfIdle([2, 2, 2, 2]);
  taken?.release([2, 2, 2, 2]);
  expect(room.takeIfIdle([2, 2, 2, 2])).toBeDefined();
});
