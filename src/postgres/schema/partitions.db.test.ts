import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { migratedDatabase, open } from "../../../test/support/database.ts";
import { MIGRATIONS } from "../../../test/support/migrated-template.ts";
import { createEmptyDatabase, sharedStores } from "../../../test/support/stores.ts";
import type { Database } from "../core/database.ts";
import { dropDay } from "../events/history.ts";
import { migrate } from "./migrate.ts";
import { ensurePartitions, listMissingPartitions, PARTITIONED_TABLES } from "./partitions.ts";

const DAY_MS = 86_400_000;

function dayOf(daysAhead: number): string {
  return new Date(Date.now() + daysAhead * DAY_MS).toISOString().slice(0, 10);
}

function nameOf(table: string, daysAhead: number): string {
  return `${table}_${dayOf(daysAhead).replaceAll("-", "")}`;
}

/** As after days asleep: nothing has been made for today, nor for tomorrow. */
async function dropToday(database: Database, tables: readonly string[] = PARTITIONED_TABLES): Promise<void> {
  for (const table of tables) {
    for (const ahead of [0, 1])
      await database.pipeline.query({ text: `DROP TABLE IF EXISTS ${nameOf(table, ahead)}` });
  }
}

const INSERT_EVENT = `INSERT INTO events (id, tenant_id, connector, endpoint, source, priority, received_at,
  delivery_key, flows_counter, payload) VALUES (uuid7(clock_us()), 'acme', 'shop', 'default', 'webhook', 2, now(), 'k', 1, '{}')`;

const INSERTS: Record<string, string> = {
  events: INSERT_EVENT,
  verdicts: `INSERT INTO verdicts (event_id, tenant_id, status) VALUES (uuid7(clock_us()), 'acme', 'routed')`,
  runs: `INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, state, visible_at)
    VALUES (uuid7(clock_us()), 'acme', 'f', 1, uuid7(clock_us()), 2, 'dead', now())`,
  attempts: `INSERT INTO attempts (run_id, attempt, tenant_id, outcome, started_at, finished_at)
    VALUES (uuid7(clock_us()), 1, 'acme', 'done', now(), now())`,
  run_steps: `INSERT INTO run_steps (run_id, name, tenant_id) VALUES (uuid7(clock_us()), 's', 'acme')`,
  run_logs: `INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
    VALUES (uuid7(clock_us()), 1, 'acme', 1, '[]', 0)`,
};

describe("missing partitions", () => {
  test("a row without a partition is written through every connection and into every table once the partition exists", async () => {
    const { database } = await migratedDatabase();
    expect(Object.keys(INSERTS)).toEqual([...PARTITIONED_TABLES]);
    for (const [table, text] of Object.entries(INSERTS)) {
      const ways: [string, () => Promise<unknown>][] = [
        ["ingest", () => database.ingest.query({ text })],
        ["pipeline", () => database.pipeline.query({ text })],
        ["transaction", () => database.transaction((transaction) => transaction.query({ text }))],
        ["tenant", () => database.withTenant("acme", (transaction) => transaction.query({ text }))],
      ];
      for (const [way, insert] of ways) {
        await dropToday(database, [table]);
        await insert();
        const rows = await database.pipeline.query({ text: `SELECT FROM ONLY ${nameOf(table, 0)}` });
        expect([table, way, rows.length]).toEqual([table, way, 1]);
      }
    }
    expect(await listMissingPartitions(database.pipeline, 1)).toEqual([]);
  });

  test("concurrent statements without a partition write one row each", async () => {
    const { database } = await migratedDatabase();
    await dropToday(database);
    await Promise.all(Array.from({ length: 20 }, () => database.pipeline.query({ text: INSERT_EVENT })));
    expect(await database.pipeline.query({ text: "SELECT count(*)::int AS count FROM events" })).toEqual([
      { count: 20 },
    ]);
  });

  test("a transaction without a partition runs again as a whole and writes nothing twice", async () => {
    const { database } = await migratedDatabase();
    await dropToday(database);
    let begun = 0;
    await database.transaction(async (transaction) => {
      begun += 1;
      await transaction.query({ text: "INSERT INTO tenants (id) VALUES ('acme')" });
      await transaction.query({ text: INSERT_EVENT });
    });
    expect(begun).toBe(2);
  });

  test("a row is refused with store_unavailable while its partition cannot be created", async () => {
    const { database } = await migratedDatabase();
    await dropToday(database);
    await database.pipeline.query({ text: `CREATE TABLE ${nameOf("events", 0)} (other text)` });
    const refused = expect.objectContaining({
      code: "store_unavailable",
      fault: expect.objectContaining({ cause: "no_partition", sqlState: "23514" }),
    });
    await expect(database.pipeline.query({ text: INSERT_EVENT })).rejects.toEqual(refused);
    await expect(
      database.withTenant("acme", (transaction) => transaction.query({ text: INSERT_EVENT })),
    ).rejects.toEqual(refused);
    expect(await listMissingPartitions(database.pipeline, 1)).toContain(nameOf("events", 0));
    await database.pipeline.query({ text: `DROP TABLE ${nameOf("events", 0)}` });
    await database.pipeline.query({ text: INSERT_EVENT });
  });

  test("a row of a dropped day is refused with store_unavailable", async () => {
    const { database } = await migratedDatabase();
    const text = INSERT_EVENT.replace("clock_us()", "1000000");
    await expect(database.pipeline.query({ text })).rejects.toMatchObject({ code: "store_unavailable" });
  });
});

describe("ensurePartitions", () => {
  test("PARTITIONED_TABLES names exactly the partitioned tables", async () => {
    const { database } = await migratedDatabase();
    const rows = await database.pipeline.query<{ tables: string[]; partitioned: string[] }>({
      text: `SELECT partitioned_tables() AS tables,
        ARRAY(SELECT relname::text FROM pg_class WHERE relkind = 'p' ORDER BY relname) AS partitioned`,
    });
    expect(rows[0]?.tables).toEqual([...PARTITIONED_TABLES]);
    expect(rows[0]?.partitioned).toEqual([...PARTITIONED_TABLES].sort());
  });

  test("ensurePartitions completes a past day and attaches a detached partition with its rows", async () => {
    const { database } = await migratedDatabase();
    const past = new Date("2026-01-02T03:04:05Z").getTime();
    await database.pipeline.query({
      text: `CREATE TABLE events_20260102 PARTITION OF events
        FOR VALUES FROM ('019b7c00-0000-0000-0000-000000000000') TO ('019b7c01-0000-0000-0000-000000000000')`,
    });
    await database.pipeline.query({ text: INSERT_EVENT });
    await database.pipeline.query({
      text: `ALTER TABLE events DETACH PARTITION ${nameOf("events", 0)}`,
    });
    const made = await ensurePartitions(database.pipeline, 1);
    expect(made.sort()).toEqual(
      [nameOf("events", 0), ...PARTITIONED_TABLES.slice(1).map((table) => `${table}_20260102`)].sort(),
    );
    expect(await database.pipeline.query({ text: "SELECT FROM events" })).toHaveLength(1);
    await database.pipeline.query({
      text: (INSERTS["runs"] as string).replace("clock_us()", `${past * 1_000}`),
    });
  });

  test("concurrent calls create each partition once", async () => {
    const { database } = await migratedDatabase();
    await dropToday(database);
    const made = await Promise.all([1, 2, 3, 4].map(() => ensurePartitions(database.pipeline, 1)));
    expect(made.flat()).toHaveLength(PARTITIONED_TABLES.length * 2);
  });
});

describe("a login role that owns no table", () => {
  async function asApplication(): Promise<{ owner: Database; app: Database; appName: string }> {
    const suffix = randomBytes(4).toString("hex");
    const [ownerName, appName] = [`owner_${suffix}`, `app_${suffix}`];
    const { url } = await createEmptyDatabase();
    const name = new URL(url).pathname.slice(1);
    const admin = new pg.Client(sharedStores().superuserUrl);
    await admin.connect();
    onTestFinished(async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.query(`DROP ROLE ${appName}; DROP ROLE ${ownerName}`);
      await admin.end();
    });
    await admin.query(`CREATE ROLE ${ownerName} LOGIN PASSWORD 'x'; CREATE ROLE ${appName} LOGIN PASSWORD 'x';
      GRANT headrace_api, headrace_pipeline TO ${ownerName} WITH ADMIN OPTION; ALTER DATABASE ${name} OWNER TO ${ownerName}`);
    const urlOf = (user: string) => {
      const own = new URL(url);
      [own.username, own.password] = [user, "x"];
      return own.href;
    };
    await migrate({ url: urlOf(ownerName), directory: MIGRATIONS, applicationUsers: [appName] });
    const [owner, app] = [open(urlOf(ownerName)), open(urlOf(appName))];
    onTestFinished(async () => {
      await Promise.all([owner.close(), app.close()]);
    });
    return { owner, app, appName };
  }

  test("a login role without tables creates partitions and drops past days", async () => {
    const { app } = await asApplication();
    await app.pipeline.query({ text: INSERT_EVENT });
    await app.withTenant("acme", (transaction) => transaction.query({ text: INSERTS["runs"] as string }));
    expect(await listMissingPartitions(app.pipeline, 1)).toEqual([]);
    const rows = await app.pipeline.query({ text: "SELECT state FROM runs" });
    expect(rows).toEqual([{ state: "dead" }]);
    await app.pipeline.query({ text: "UPDATE runs SET state = 'queued'" });
    expect(await dropDay(app.pipeline, dayOf(0), 1_000)).toBe("unfinished");
    await app.pipeline.query({ text: "UPDATE runs SET state = 'dead'" });
    expect(await dropDay(app.pipeline, dayOf(0), 1_000)).toBe("dropped");
    expect(await listMissingPartitions(app.pipeline, 1)).toContain(nameOf("events", 0));
  });

  test("a login role without tables can do nothing else as the owner", async () => {
    const { owner, app, appName } = await asApplication();
    await expect(app.pipeline.query({ text: "DROP TABLE outbox" })).rejects.toThrow("must be owner");
    await expect(app.pipeline.query({ text: "SELECT drop_partitions('')" })).rejects.toThrow("suffix");
    await owner.pipeline.query({ text: `REVOKE headrace_pipeline FROM ${appName}` });
    await expect(app.pipeline.query({ text: "SELECT make_partitions(1)" })).rejects.toThrow(
      "permission denied",
    );
  });
});
