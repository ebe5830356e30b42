import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { accepted, deployed } from "../../test/support/flow.ts";
import type { Database } from "../postgres/core/database.ts";
import { PARTITIONED_TABLES, uuid7Floor } from "../postgres/schema/partitions.ts";
import { createHistoryStep } from "./history.ts";

const DAY_MS = 86_400_000;
const BOUNDS = { retentionDays: 30, batchSize: 4, maxTenants: 2, lockMs: 200, intervalMs: 60_000 };

/** Creates the partitions of a past day and returns the day. */
async function pastDay(database: Database, daysAgo: number): Promise<string> {
  const day = new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10);
  const startMs = Date.parse(day);
  for (const table of PARTITIONED_TABLES) {
    await database.pipeline.query({
      text: `CREATE TABLE ${table}_${day.replaceAll("-", "")} PARTITION OF ${table}
        FOR VALUES FROM ('${uuid7Floor(startMs)}') TO ('${uuid7Floor(startMs + DAY_MS)}')`,
    });
  }
  return day;
}

/** Inserts events of a tenant into a past day, each with a verdict and a run in `state` with an attempt. */
async function happened(
  database: Database,
  {
    tenantId,
    day,
    count = 1,
    state = "succeeded",
  }: { tenantId: string; day: string; count?: number; state?: string },
): Promise<void> {
  await database.pipeline.query({
    text: `WITH made AS (
        INSERT INTO events (id, tenant_id, connector, endpoint, source, priority, received_at, delivery_key,
          flows_counter, payload)
        SELECT uuid7($2::bigint * 1000 + i), $1, 'shop', 'default', 'webhook', 2, now(), i::text, 1, '{}'
        FROM generate_series(1, $3::int) AS i RETURNING id
      ),
      judged AS (INSERT INTO verdicts (event_id, tenant_id, status) SELECT id, $1, 'routed' FROM made),
      ran AS (
        INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, state, visible_at)
        SELECT uuid7($2::bigint * 1000 + 7), $1, 'f', 1, id, 2, $4, now() FROM made RETURNING id
      )
      INSERT INTO attempts (run_id, attempt, tenant_id, outcome, started_at, finished_at)
      SELECT id, 1, $1, 'done', now(), now() FROM ran`,
    values: [tenantId, Date.parse(day) + 3_600_000, count, state],
  });
}

async function clean(database: Database): Promise<string[]> {
  const reported: string[] = [];
  const step = createHistoryStep({
    database: database.pipeline,
    bounds: BOUNDS,
    onDropped: (day) => void reported.push(`${day} dropped`),
    onKept: (day, reason) => void reported.push(`${day} ${reason}`),
  });
  await step(new AbortController().signal);
  return reported;
}

async function counted(database: Database, table: string): Promise<Record<string, number>> {
  const rows = await database.pipeline.query<{ tenant_id: string; count: number }>({
    text: `SELECT tenant_id, count(*)::int AS count FROM ${table} GROUP BY 1`,
  });
  return Object.fromEntries(rows.map((row) => [row.tenant_id, row.count]));
}

async function tenant(database: Database, id: string, retentionDays?: number): Promise<void> {
  await database.pipeline.query({
    text: "INSERT INTO tenants (id, retention_days) VALUES ($1, $2)",
    values: [id, retentionDays ?? null],
  });
}

describe("a day that is older than its retention", () => {
  test("a day past its retention is dropped from every table, and later days stay", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme");
    const [old, young] = [await pastDay(database, 32), await pastDay(database, 29)];
    for (const day of [old, young]) await happened(database, { tenantId: "acme", day });
    expect(await clean(database)).toEqual([`${old} dropped`]);
    for (const table of ["events", "verdicts", "runs", "attempts"]) {
      expect([table, await counted(database, table)]).toEqual([table, { acme: 1 }]);
    }
    expect(await clean(database)).toEqual([]);
  });

  test("a day past its retention stays while it has unrouted events or unfinished runs", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme");
    const day = await pastDay(database, 40);
    await happened(database, { tenantId: "acme", day, state: "failed" });
    expect(await clean(database)).toEqual([`${day} unfinished`]);
    await database.pipeline.query({ text: "UPDATE runs SET state = 'dead'" });
    await database.pipeline.query({
      text: "INSERT INTO outbox (event_id, tenant_id, lane) SELECT id, tenant_id, 2 FROM events",
    });
    expect(await clean(database)).toEqual([`${day} unfinished`]);
    await database.pipeline.query({ text: "DELETE FROM outbox" });
    expect(await clean(database)).toEqual([`${day} dropped`]);
  });

  test("a day past its retention stays while a replay needs one of its events", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme");
    const day = await pastDay(database, 40);
    await happened(database, { tenantId: "acme", day });
    await database.pipeline.query({
      text: `INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, replay_seq, lane, state, visible_at)
        SELECT uuid7(clock_us()), tenant_id, 'f', 1, id, 1, 2, 'queued', now() FROM events`,
    });
    expect(await clean(database)).toEqual([`${day} unfinished`]);
    await database.pipeline.query({ text: "UPDATE runs SET state = 'succeeded'" });
    expect(await clean(database)).toEqual([`${day} dropped`]);
  });

  test("a day whose tables are locked is dropped later", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme");
    const day = await pastDay(database, 40);
    await database.transaction(async (transaction) => {
      await transaction.query({ text: "SELECT count(*) FROM events" });
      expect(await clean(database)).toEqual([`${day} busy`]);
    });
    expect(await clean(database)).toEqual([`${day} dropped`]);
  });

  test("concurrent history steps drop each day once", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme");
    const days = [await pastDay(database, 40), await pastDay(database, 41), await pastDay(database, 42)];
    await Promise.all([clean(database), clean(database), clean(database)]);
    await clean(database);
    const names = await database.pipeline.query({
      text: "SELECT FROM pg_class WHERE relname = ANY ($1)",
      values: [days.flatMap((day) => PARTITIONED_TABLES.map((name) => `${name}_${day.replaceAll("-", "")}`))],
    });
    expect(names).toEqual([]);
  });
});

describe("a tenant's own retention", () => {
  test("a longer retention of one tenant keeps the days, and rows of other tenants are deleted in batches", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "archive", 100);
    await tenant(database, "acme");
    await tenant(database, "brief", 5);
    await tenant(database, "calm", 60);
    const [old, young] = [await pastDay(database, 40), await pastDay(database, 10)];
    for (const tenantId of ["archive", "acme", "brief", "calm"]) {
      for (const day of [old, young]) await happened(database, { tenantId, day, count: 10 });
    }
    await deployed(database, "brief", "g");
    await accepted(database, "brief", [1, 2]);
    await database.pipeline.query({ text: "DELETE FROM outbox" });
    expect(await clean(database)).toEqual([]);
    expect(await counted(database, "events")).toEqual({ archive: 20, calm: 20, acme: 10, brief: 2 });
    for (const table of ["runs", "attempts", "verdicts"]) {
      expect([table, await counted(database, table)]).toEqual([table, { archive: 20, calm: 20, acme: 10 }]);
    }
  });

  test("a shorter retention of a tenant keeps unfinished runs until they end", async () => {
    const { database } = await migratedDatabase();
    await tenant(database, "acme", 5);
    const day = await pastDay(database, 10);
    await happened(database, { tenantId: "acme", day, state: "running" });
    await happened(database, { tenantId: "acme", day, count: 3 });
    await clean(database);
    expect([await counted(database, "events"), await counted(database, "runs")]).toEqual([
      { acme: 1 },
      { acme: 1 },
    ]);
    await database.pipeline.query({ text: "UPDATE runs SET state = 'dead'" });
    await clean(database);
    expect(await counted(database, "events")).toEqual({});
  });
});
