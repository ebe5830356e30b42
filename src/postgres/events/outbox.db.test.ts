import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Database } from "../core/database.ts";
import { claimOutbox, expireOutboxLeases, oldestUnroutedMs } from "./outbox.ts";

async function fill(
  database: Database,
  rows: { tenant: string; lane: Priority; events: number }[],
): Promise<void> {
  for (const { tenant, lane, events } of rows) {
    await database.pipeline.query({
      text: "INSERT INTO outbox (event_id, tenant_id, lane) SELECT uuid7(clock_us() + i), $1, $2 FROM generate_series(1, $3) AS i",
      values: [tenant, lane, events],
    });
  }
}

function claim(
  database: Database,
  budgets: [Priority, number][],
  over: { after?: string; maxTenants?: number } = {},
) {
  return claimOutbox(database.pipeline, {
    budgets: new Map(budgets),
    afterTenants: new Map(budgets.map(([lane]) => [lane, over.after ?? ""])),
    maxTenants: over.maxTenants ?? 64,
    leaseMs: 60_000,
  });
}

describe("claimOutbox", () => {
  test("claimOutbox gives an event to one claim until its lease expires", async () => {
    const { database } = await migratedDatabase();
    await fill(database, [{ tenant: "acme", lane: 2, events: 300 }]);
    const claims = await Promise.all(Array.from({ length: 6 }, () => claim(database, [[2, 100]])));
    const ids = claims.flatMap((one) => one.events.map((event) => event.eventId));
    expect(new Set(ids).size).toBe(ids.length);
    expect((await claim(database, [[2, 1_000]])).events.length + ids.length).toBe(300);
    expect((await claim(database, [[2, 1_000]])).events).toHaveLength(0);
    expect(await expireOutboxLeases(database.pipeline, 1_000)).toBe(300);
    expect((await claim(database, [[2, 1_000]])).events).toHaveLength(300);
  });

  test("claimOutbox gives each tenant of a lane an equal share, however many events another one has", async () => {
    const { database } = await migratedDatabase();
    await fill(database, [
      { tenant: "hot", lane: 2, events: 1_000 },
      { tenant: "a", lane: 2, events: 5 },
      { tenant: "z", lane: 2, events: 5 },
    ]);
    const { events } = await claim(database, [[2, 30]]);
    const of = (tenant: string) => events.filter((event) => event.tenantId === tenant).length;
    expect([of("a"), of("hot"), of("z")]).toEqual([5, 10, 5]);
  });

  test("claimOutbox gives tenants events in proportion to their weights", async () => {
    const { database } = await migratedDatabase();
    await database.pipeline.query({
      text: "INSERT INTO tenants (id, weight) VALUES ('a', 3), ('b', 1), ('c', 2)",
    });
    await fill(
      database,
      ["a", "b", "c"].map((tenant) => ({ tenant, lane: 2 as const, events: 100 })),
    );
    const { events } = await claim(database, [[2, 60]]);
    const of = (tenant: string) => events.filter((event) => event.tenantId === tenant).length;
    expect([of("a"), of("b"), of("c")]).toEqual([30, 10, 20]);
  });

  test("claimOutbox continues after the last claim's tenant and wraps around", async () => {
    const { database } = await migratedDatabase();
    await fill(
      database,
      ["a", "b", "c", "d", "e"].map((tenant) => ({ tenant, lane: 2 as const, events: 10 })),
    );
    const first = await claim(database, [[2, 2]], { maxTenants: 2 });
    expect(first.nextAfter.get(2)).toBe("b");
    const second = await claim(database, [[2, 2]], { maxTenants: 2, after: "b" });
    expect(second.events.map((event) => event.tenantId).sort()).toEqual(["c", "d"]);
    expect((await claim(database, [[2, 2]], { maxTenants: 2, after: "d" })).nextAfter.get(2)).toBe("");
  });

  test("claimOutbox respects the budget of each lane", async () => {
    const { database } = await migratedDatabase();
    await fill(
      database,
      ([1, 2, 3, 4] as const).map((lane) => ({ tenant: "acme", lane, events: 10 })),
    );
    const { events } = await claim(database, [
      [1, 4],
      [4, 2],
    ]);
    expect(events.map((event) => event.lane).sort()).toEqual([1, 1, 1, 1, 4, 4]);
  });
});

describe("oldestUnroutedMs", () => {
  test("oldestUnroutedMs returns the age of the oldest unrouted event, or 0", async () => {
    const { database } = await migratedDatabase();
    expect(await oldestUnroutedMs(database.pipeline)).toBe(0);
    await database.pipeline.query({
      text: "INSERT INTO outbox (event_id, tenant_id, lane) VALUES (uuid7(clock_us() - 5000000), 'acme', 1)",
    });
    expect(await oldestUnroutedMs(database.pipeline)).toBeGreaterThanOrEqual(5_000);
  });
});
