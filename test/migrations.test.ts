import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { migrate } from "../src/postgres/schema/migrate.ts";
import { builtProgram } from "./support/built.ts";
import { migratedDatabase, open } from "./support/database.ts";
import { MIGRATIONS } from "./support/migrated-template.ts";
import { schemaText } from "./support/schema.ts";
import { createEmptyDatabase, hasPostgres15, postgres15, privateStores } from "./support/stores.ts";

const SNAPSHOT = `${MIGRATIONS}/schema.txt`;

describe("the migrations", () => {
  test("are numbered without gaps", () => {
    const numbers = migrationNames().map((name) => Number.parseInt(name, 10));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test("make the schema of the snapshot schema.txt", async () => {
    const { url } = await migratedDatabase();
    const schema = await schemaText(url);
    if (process.env["UPDATE_SCHEMA"] === "1") writeFileSync(SNAPSHOT, schema);
    expect(schema).toBe(readFileSync(SNAPSHOT, "utf8"));
  });

  test("make the schema of the snapshot schema.txt on PostgreSQL 15", { timeout: 60_000 }, async ({
    skip,
  }) => {
    if (!hasPostgres15) skip("this machine has no PostgreSQL 15");
    const stores = await postgres15();
    await migrate({ url: stores.databaseUrl, directory: MIGRATIONS });
    expect(await schemaText(stores.databaseUrl)).toBe(readFileSync(SNAPSHOT, "utf8"));
  });

  test("run once when five processes migrate at the same time", async () => {
    const { url, drop } = await createEmptyDatabase();
    onTestFinished(drop);
    const applied = await Promise.all(
      Array.from({ length: 5 }, () => migrate({ url, directory: MIGRATIONS })),
    );
    expect(applied.filter((run) => run.applied.length > 0)).toHaveLength(1);
    expect((await migrate({ url, directory: MIGRATIONS })).applied).toEqual([]);
  });

  test("show every tenant's rows to a database owner that created the two roles itself", {
    timeout: 60_000,
  }, async () => {
    const stores = await privateStores();
    const admin = new pg.Client(stores.superuserUrl);
    await admin.connect();
    await admin.query("CREATE ROLE only_role LOGIN CREATEROLE PASSWORD 'x'");
    await admin.query("CREATE DATABASE only_one OWNER only_role");
    await admin.end();
    const url = new URL(stores.databaseUrl);
    [url.username, url.password, url.pathname] = ["only_role", "x", "only_one"];
    await migrate({ url: url.href, directory: MIGRATIONS });
    expect((await migrate({ url: url.href, directory: MIGRATIONS })).applied).toEqual([]);
    const database = open(url.href);
    onTestFinished(() => database.close());
    const text = "INSERT INTO outbox (event_id, tenant_id, lane) VALUES (uuid7(clock_us()), 'a', 1)";
    await database.pipeline.query({ text });
    expect(await database.pipeline.query({ text: "SELECT tenant_id FROM outbox" })).toHaveLength(1);
    await database.withTenant("b", async (transaction) => {
      expect(await transaction.query({ text: "SELECT tenant_id FROM outbox" })).toEqual([]);
    });
  });

  test("refuse a database whose migration has another checksum", async () => {
    const { url } = await migratedDatabase();
    const name = migrationNames()[2] as string;
    await query(url, `UPDATE schema_migrations SET checksum = 'other' WHERE name = '${name}'`);
    await expect(migrate({ url, directory: MIGRATIONS })).rejects.toThrow(
      `${name} differs from this version's`,
    );
  });

  test("accept a database that a newer version has migrated further", async () => {
    const { url } = await migratedDatabase();
    await query(url, "INSERT INTO schema_migrations (name, checksum) VALUES ('999-newer.sql', 'other')");
    expect((await migrate({ url, directory: MIGRATIONS })).applied).toEqual([]);
  });

  test("refuse a database of the migrations before the first release in one line with exit code 1", async () => {
    const { url, drop } = await createEmptyDatabase();
    onTestFinished(drop);
    await query(
      url,
      `CREATE TABLE schema_migrations (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz);
      INSERT INTO schema_migrations (name, checksum) VALUES ('001-foundation.sql', 'x'), ('032-shared-accounts.sql', 'y')`,
    );
    const main = `${await builtProgram()}/cli/main.js`;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, "migrate"], {
      env: { PATH: process.env["PATH"], DATABASE_URL: url, REDIS_URL: "redis://127.0.0.1" },
      encoding: "utf8",
    });
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      'headrace: Schema "public" was made by another version of Headrace, which cannot be upgraded (its migration 001-foundation.sql does not exist in this version): start over with an empty database, or with the embedded stores delete their data directory (HEADRACE_DATA_DIR, by default .headrace)\n',
    );
    const tables = await query(url, "SELECT relname FROM pg_class WHERE relname IN ('tenants', 'events')");
    expect(tables).toEqual([]);
  });
});

describe("row-level security", () => {
  test("shows the API's role only the rows of its transaction's tenant, and none without a tenant", async () => {
    const { database } = await migratedDatabase();
    for (const tenant of ["a", "b"]) {
      await database.pipeline.query({
        text: "INSERT INTO outbox (event_id, tenant_id, lane) VALUES (uuid7(clock_us()), $1, 1)",
        values: [tenant],
      });
    }
    const seen = (tenant: string) =>
      database.withTenant(tenant, (transaction) =>
        transaction.query({ text: "SELECT tenant_id FROM outbox" }),
      );
    expect(await seen("a")).toEqual([{ tenant_id: "a" }]);
    expect(await seen("b")).toEqual([{ tenant_id: "b" }]);
    expect(await seen("")).toEqual([]);
    await expect(
      database.withTenant("a", (transaction) =>
        transaction.query({
          text: "INSERT INTO outbox (event_id, tenant_id, lane) VALUES (uuid7(1), 'b', 1)",
        }),
      ),
    ).rejects.toThrow("row-level security");
  });

  test("protects every table that has a tenant_id", async () => {
    const { url } = await migratedDatabase();
    const rows = await query(
      url,
      `SELECT c.relname AS table, c.relforcerowsecurity AS forced,
        ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid AND polpermissive AND polcmd = '*' ORDER BY 1) AS policies
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'api_keys'`,
    );
    expect(rows.length).toBeGreaterThan(20);
    const policies = ["every_tenant", "own_tenant"];
    expect(rows).toEqual(rows.map(({ table }) => ({ table, forced: true, policies })));
  });

  test("hides audit rows of a deleted tenant from a later tenant with its id", async () => {
    const { url, database } = await migratedDatabase();
    await query(url, `INSERT INTO tenants (id, created_at) VALUES ('a', now() - interval '1 hour')`);
    for (const [at, object] of [
      ["2 hours", "before"],
      ["0", "after"],
    ]) {
      await database.pipeline.query({
        text: `INSERT INTO audit (at, tenant_id, route, object, difference)
          VALUES (now() - $1::interval, 'a', '', $2, '{}')`,
        values: [at, object],
      });
    }
    const seen = await database.withTenant("a", (transaction) =>
      transaction.query({ text: "SELECT object FROM audit" }),
    );
    expect(seen).toEqual([{ object: "after" }]);
  });

  test("shows a tenant its own limits of sources and those that all tenants share", async () => {
    const { database } = await migratedDatabase();
    await database.pipeline.query({
      text: "INSERT INTO source_limits (tenant_id, connector) VALUES ('a', 'x'), ('b', 'x'), ('*', 'x')",
    });
    const seen = await database.withTenant("a", (transaction) =>
      transaction.query({ text: "SELECT tenant_id FROM source_limits ORDER BY 1" }),
    );
    expect(seen).toEqual([{ tenant_id: "*" }, { tenant_id: "a" }]);
  });
});

/** The names of the files, in the order in which they run. */
function migrationNames(): string[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql"))
    .sort();
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
