import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { raiseCounter } from "../core/change-counters.ts";
import type { Database } from "../core/database.ts";
import { type AcceptedEvent, acceptEvents, type NewEvent } from "./accept.ts";
import { loadEvents } from "./events.ts";

const HOUR_MS = 3_600_000;

function event(over: Partial<NewEvent> = {}): NewEvent {
  return {
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    type: "order.created",
    source: "webhook",
    priority: 2,
    deliveryKey: "id:1",
    item: 0,
    headers: { "content-type": "application/json" },
    contentType: "application/json",
    payload: Buffer.from('{"total":1}'),
    keys: [{ key: "id:1", windowMs: HOUR_MS }],
    ...over,
  };
}

function keyed(key: string, over: Partial<NewEvent> = {}): NewEvent {
  return event({ deliveryKey: key, keys: [{ key, windowMs: HOUR_MS }], ...over });
}

async function accept(database: Database, ...events: NewEvent[]): Promise<AcceptedEvent[]> {
  const result = await acceptEvents(database.ingest, events);
  if (result.kind !== "accepted") throw new Error("expected to be accepted");
  return result.events;
}

async function count(database: Database, table: string): Promise<number> {
  const [row] = await database.pipeline.query({ text: `SELECT count(*)::int AS n FROM ${table}` });
  return row?.["n"];
}

describe("acceptEvents", () => {
  test("acceptEvents stores any payload byte for byte, with one outbox row each", async () => {
    const { database } = await migratedDatabase();
    const bytes = [Buffer.from([0, 255, 10, 0]), Buffer.from(""), Buffer.from('{"a":"\\u0000é"}')];
    const accepted = await accept(
      database,
      ...bytes.map((payload, index) => keyed(`id:${index}`, { payload })),
    );
    const stored = await loadEvents(
      database.pipeline,
      accepted.map((one) => one.eventId),
    );
    const byId = new Map(stored.map((one) => [one.id, one.payload]));
    expect(accepted.map((one) => byId.get(one.eventId)?.toString("hex"))).toEqual(
      bytes.map((b) => b.toString("hex")),
    );
    expect(await count(database, "outbox")).toBe(3);
  });

  test("acceptEvents returns ids in the order of the batch and of their times", async () => {
    const { database } = await migratedDatabase();
    const accepted = await accept(
      database,
      ...Array.from({ length: 50 }, (_, index) => keyed(`id:${index}`)),
    );
    const ids = accepted.map((one) => one.eventId);
    expect(ids).toEqual([...ids].sort());
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("acceptEvents returns the first id for a repeated delivery and writes nothing", async () => {
    const { database } = await migratedDatabase();
    const [first] = await accept(database, event());
    const [again] = await accept(database, event({ payload: Buffer.from("{}") }));
    expect(first?.duplicate).toBe(false);
    expect(again).toEqual({ eventId: first?.eventId, duplicate: true });
    expect(await count(database, "events")).toBe(1);
  });

  test("acceptEvents writes one event for equal deliveries within a batch", async () => {
    const { database } = await migratedDatabase();
    const accepted = await accept(database, keyed("id:a"), keyed("id:b"), keyed("id:a"));
    expect(accepted.map((one) => one.duplicate)).toEqual([false, false, true]);
    expect(accepted[2]?.eventId).toBe(accepted[0]?.eventId);
    expect(await count(database, "outbox")).toBe(2);
  });

  test("acceptEvents writes one event for equal deliveries in fifty concurrent batches", async () => {
    const { database } = await migratedDatabase();
    const accepted = (await Promise.all(Array.from({ length: 50 }, () => accept(database, event())))).flat();
    expect(new Set(accepted.map((one) => one.eventId)).size).toBe(1);
    expect(accepted.filter((one) => !one.duplicate)).toHaveLength(1);
    expect(await count(database, "events")).toBe(1);
  });

  test("acceptEvents never deadlocks on batches with the same keys in different orders", async () => {
    const { database } = await migratedDatabase();
    const batch = (from: number) =>
      Array.from({ length: 40 }, (_, index) => keyed(`id:${(from + index * 7) % 40}`));
    const accepted = await Promise.all(
      Array.from({ length: 12 }, (_, index) => accept(database, ...batch(index))),
    );
    expect(accepted.flat().filter((one) => !one.duplicate)).toHaveLength(40);
  });

  test("acceptEvents accepts an expired key again before it is deleted", async () => {
    const { database } = await migratedDatabase();
    const [first] = await accept(database, event({ keys: [{ key: "id:1", windowMs: 0 }] }));
    const [second] = await accept(database, event());
    expect(second?.duplicate).toBe(false);
    expect(second?.eventId).not.toBe(first?.eventId);
  });

  test("acceptEvents separates the keys of tenants, connectors and endpoints", async () => {
    const { database } = await migratedDatabase();
    const accepted = await accept(
      database,
      event(),
      event({ tenantId: "other" }),
      event({ connector: "crm" }),
      event({ endpoint: "second" }),
    );
    expect(accepted.every((one) => !one.duplicate)).toBe(true);
  });

  test("acceptEvents treats an event with any known key as a duplicate and stores its other keys", async () => {
    const { database } = await migratedDatabase();
    const two = (id: string) => event({ keys: [id, "hash:x"].map((key) => ({ key, windowMs: HOUR_MS })) });
    const [first] = await accept(database, two("id+hash:1"));
    const [replayed] = await accept(database, two("id+hash:2"));
    expect(replayed).toEqual({ eventId: first?.eventId, duplicate: true });
    const [third] = await accept(database, keyed("id+hash:2"));
    expect(third).toEqual({ eventId: first?.eventId, duplicate: true });
    expect(await count(database, "events")).toBe(1);
  });

  test("acceptEvents stores every key of events that share one within a batch", async () => {
    const { database } = await migratedDatabase();
    const two = (...keys: string[]) => event({ keys: keys.map((key) => ({ key, windowMs: HOUR_MS })) });
    const batch = await accept(database, two("id:1", "hash:x"), two("id:2", "hash:x"), two("id:2", "hash:y"));
    expect(batch.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    for (const key of ["id:1", "id:2", "hash:x", "hash:y"])
      expect(await accept(database, keyed(key))).toEqual([{ eventId: batch[0]?.eventId, duplicate: true }]);
    expect(await count(database, "events")).toBe(1);
  });

  test("acceptEvents always writes an event without keys", async () => {
    const { database } = await migratedDatabase();
    await accept(database, event({ keys: [] }), event({ keys: [] }));
    expect(await count(database, "events")).toBe(2);
  });

  test("acceptEvents writes nothing when the receive counter has changed", async () => {
    const { database } = await migratedDatabase();
    const counter = await database.transaction((transaction) => raiseCounter(transaction, "receive"));
    expect(await acceptEvents(database.ingest, [event()], { expectedCounter: counter - 1 })).toEqual({
      kind: "stale",
      counter,
    });
    expect(await count(database, "events")).toBe(0);
    expect(await count(database, "event_keys")).toBe(0);
    expect(await acceptEvents(database.ingest, [event()], { expectedCounter: counter })).toMatchObject({
      kind: "accepted",
    });
  });
});
