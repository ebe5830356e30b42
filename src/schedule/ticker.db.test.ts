import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { deployed } from "../../test/support/flow.ts";
import type { Schedule } from "../domain/flow/schedule.ts";
import { deleteTenant } from "../postgres/access/tenants.ts";
import type { Database } from "../postgres/core/database.ts";
import { undeployFlow } from "../postgres/flows/deployments.ts";
import { nextTickDueMs } from "../postgres/flows/schedules.ts";
import { createTicker } from "./ticker.ts";

const BOUNDS = { batchSize: 7, maxTicks: 10, onTimeMs: 30_000, idleMs: 1_000, minWaitMs: 1 };
const NEVER_ABORTED = new AbortController().signal;

/** Deploys a flow that by default ticks at midnight on New Year's Eve. */
async function scheduled(database: Database, flowId: string, over: Partial<Schedule> = {}): Promise<void> {
  const schedule: Schedule = { cron: "0 0 31 12 *", timezone: "UTC", missed: "once", ...over };
  await deployed(database, "acme", flowId, { trigger: { schedule } });
}

/** Makes every schedule due, `agoMs` ago. */
async function makeDue(database: Database, agoMs = 100): Promise<void> {
  await database.pipeline.query({
    text: `UPDATE deployments SET next_tick_at = now() - $1::int * interval '1 millisecond'
      WHERE deployed_until IS NULL AND next_tick_at IS NOT NULL`,
    values: [agoMs],
  });
}

function ticker(database: Pick<Database, "pipeline" | "transaction">) {
  const seen = { events: 0, ended: [] as string[] };
  const step = createTicker({
    database,
    bounds: BOUNDS,
    onTicked: (events) => {
      seen.events += events;
    },
    onEnded: ({ flowId }) => void seen.ended.push(flowId),
  });
  return { seen, step: () => step(NEVER_ABORTED) };
}

async function made(database: Database): Promise<Record<string, unknown>[]> {
  return await database.pipeline.query({
    text: `SELECT e.tenant_id, e.connector, e.endpoint, e.type, e.source, e.priority, e.subject, e.occurred_at,
        convert_from(e.payload, 'UTF8')::json AS data, o.lane
      FROM events e LEFT JOIN outbox o ON o.event_id = e.id ORDER BY e.id`,
  });
}

async function nextTickAt(database: Database): Promise<Date | null> {
  const [row] = await database.pipeline.query({
    text: "SELECT next_tick_at FROM deployments WHERE deployed_until IS NULL",
  });
  return row?.["next_tick_at"] ?? null;
}

describe("the ticker", () => {
  test("the ticker makes an event with an outbox row and advances the schedule", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "report", { data: { region: "eu" } });
    const { seen, step } = ticker(database);
    expect((await step()).waitMs).toBe(BOUNDS.idleMs);
    await makeDue(database);
    const dueAt = await nextTickAt(database);
    await step();
    expect(await made(database)).toEqual([
      {
        tenant_id: "acme",
        connector: "schedule",
        endpoint: "report",
        type: "schedule.tick",
        source: "schedule",
        priority: 3,
        lane: 3,
        subject: "report",
        data: { region: "eu" },
        occurred_at: dueAt,
      },
    ]);
    expect((await nextTickAt(database))?.toISOString()).toMatch(/-12-31T00:00:00.000Z$/);
    expect((await step()).waitMs).toBe(BOUNDS.idleMs);
    expect(seen).toEqual({ events: 1, ended: [] });
  });

  test("the ticker waits at most until the next tick", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "f");
    await makeDue(database, -400);
    const { waitMs } = await ticker(database).step();
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(400);
  });

  test("concurrent tickers make one event per tick", async () => {
    const { database } = await migratedDatabase();
    for (let n = 0; n < 40; n += 1) await scheduled(database, `f${n}`);
    const tickers = Array.from({ length: 4 }, () => ticker(database));
    for (let round = 0; round < 3; round += 1) {
      await makeDue(database, 1_000 - round);
      await Promise.all(
        tickers.map(async ({ step }) => {
          while ((await nextTickDueMs(database.pipeline)) === 0) await step();
        }),
      );
    }
    const flows = (await made(database)).map((event) => event["endpoint"]);
    expect(flows.sort()).toEqual(Array.from({ length: 120 }, (_, n) => `f${Math.floor(n / 3)}`).sort());
  });

  test("a tick that was not committed is made by another ticker, once", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "f");
    await makeDue(database);
    const cut = ticker({
      pipeline: database.pipeline,
      transaction: (work) =>
        database.transaction(async (transaction) => {
          await work(transaction);
          throw new Error("the power is cut");
        }),
    });
    await expect(cut.step()).rejects.toThrow("the power is cut");
    expect(await made(database)).toEqual([]);
    await ticker(database).step();
    expect(await made(database)).toHaveLength(1);
  });

  test("the ticker does not repeat a tick that has its event", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "f");
    await makeDue(database);
    const dueAt = await nextTickAt(database);
    await ticker(database).step();
    await database.pipeline.query({ text: "UPDATE deployments SET next_tick_at = $1", values: [dueAt] });
    await ticker(database).step();
    expect(await made(database)).toHaveLength(1);
    expect(await nextTickDueMs(database.pipeline)).toBeGreaterThan(0);
  });

  test.each([
    ["once", 1],
    ["skip", 0],
  ] as const)("with missed: %s the ticker makes %d events of missed ticks", async (missed, events) => {
    const { database } = await migratedDatabase();
    // The last tick was at least half an hour ago, whenever the test runs.
    const hour = new Date(Date.now() - 5_400_000).getUTCHours();
    await scheduled(database, "f", { cron: `0 ${hour} * * *`, missed });
    await makeDue(database, 3 * 86_400_000);
    await ticker(database).step();
    expect(await made(database)).toHaveLength(events);
    expect(await nextTickDueMs(database.pipeline)).toBeGreaterThan(0);
  });

  test("the ticker ends an unreadable schedule and continues with the others", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "good");
    await scheduled(database, "bad");
    await makeDue(database);
    await database.pipeline.query({
      text: `UPDATE flow_versions SET definition = jsonb_set(definition, '{trigger,schedule,timezone}', '"Mars/Olympus"')
        WHERE flow_id = 'bad'`,
    });
    const { seen, step } = ticker(database);
    await step();
    expect(seen).toEqual({ events: 2, ended: ["bad"] });
    expect(await nextTickDueMs(database.pipeline)).toBeGreaterThan(0);
  });
});

describe("a schedule", () => {
  test("a schedule ends with an undeploy, a deploy without a schedule, and its tenant", async () => {
    const { database } = await migratedDatabase();
    const due = () => nextTickDueMs(database.pipeline);
    expect(await due()).toBeUndefined();
    await scheduled(database, "f");
    expect(await due()).toBeGreaterThan(0);
    await database.withTenant("acme", (transaction) =>
      undeployFlow(transaction, { tenantId: "acme", flowId: "f" }),
    );
    expect(await due()).toBeUndefined();
    await scheduled(database, "f");
    await deployed(database, "acme", "f");
    expect(await due()).toBeUndefined();
    await scheduled(database, "f");
    await database.transaction((transaction) => deleteTenant(transaction, "acme"));
    expect(await due()).toBeUndefined();
  });

  test("a deploy keeps the due tick of an unchanged schedule and restarts a changed one", async () => {
    const { database } = await migratedDatabase();
    await scheduled(database, "f");
    await makeDue(database);
    const dueAt = await nextTickAt(database);
    await scheduled(database, "f", { data: { changed: true } });
    expect(await nextTickAt(database)).toEqual(dueAt);
    await scheduled(database, "f", { timezone: "Europe/Berlin" });
    expect((await nextTickAt(database))?.toISOString()).toMatch(/-12-30T23:00:00.000Z$/);
  });
});
