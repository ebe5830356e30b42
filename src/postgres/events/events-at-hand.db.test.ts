import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted } from "../../../test/support/flow.ts";
import type { Queryable, Statement } from "../core/database.ts";
import { createEventsAtHand } from "./events-at-hand.ts";

async function eventsAtHand(over: { maxBytes?: number; keptMs?: number } = {}) {
  const { database } = await migratedDatabase();
  const ids = await accepted(database, "acme", [1, 2, 3]);
  const asked: unknown[] = [];
  const counting: Queryable = {
    query(statement: Statement) {
      asked.push(statement.values?.[0]);
      return database.pipeline.query(statement);
    },
  };
  const clock = { ms: 0 };
  const bounds = { maxBytes: 1_000_000, keptMs: 1_000, ...over };
  return { ids, asked, clock, atHand: createEventsAtHand(counting, bounds, () => clock.ms) };
}

describe("events at hand", () => {
  test("are given to the runs that they start without another look, and only once", async () => {
    const { ids, asked, atHand } = await eventsAtHand();
    const [first = "", second = "", third = ""] = ids;
    const loaded = await atHand.load([first, second]);
    const taken = await atHand.take([second, third]);
    expect(taken.map((event) => event.id)).toEqual([second, third]);
    expect(taken[0]).toBe(loaded.find((event) => event.id === second));
    await atHand.take([second]);
    expect(asked).toEqual([[first, second], [third], [second]]);
  });

  test("are not given when they have lain for too long", async () => {
    const { ids, asked, clock, atHand } = await eventsAtHand({ keptMs: 1_000 });
    await atHand.load(ids);
    clock.ms = 1_000;
    expect((await atHand.take(ids)).map((event) => event.id).sort()).toEqual(ids);
    expect(asked).toEqual([ids, ids]);
  });

  test("are no more than their bound: the oldest go", async () => {
    const { ids, asked, atHand } = await eventsAtHand({ maxBytes: 5_000 });
    const [first = "", second = "", third = ""] = ids;
    for (const id of ids) await atHand.load([id]);
    await atHand.take(ids);
    expect(asked).toEqual([[first], [second], [third], [first]]);
  });
});
