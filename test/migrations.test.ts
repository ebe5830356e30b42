import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { migrate } from "../src/postgres/schema/migrate.ts";
import { migratedDatabase, open } from "./support/database.ts";
import { MIGRATIONS } from "./support/migrated-template.ts";
import { schemaText } from "./support/schema.ts";
import { createEmptyDatabase, hasPostgres15, postgres15, privateStores } from "./support/stores.ts";

const KEPT = `${MIGRATIONS}/schema.sql`;

describe("the migrations", () => {
  test("make the schema that schema.sql shows", async () => {
    const { url } = await migratedDatabase();
    const schema = await schemaText(url);
    if (process.env["UPDATE_SCHEMA"] === "1") writeFileSync(KEPT, schema);
    expect(schema).toBe(readFileSync(KEPT, "utf8"));
  });

  test("make the same schema on PostgreSQL 15", { timeout: 60_000 }, async ({ skip }) => {
    if (!hasPostgres15) skip("this machine has no PostgreSQL 15");
    const stores = await postgres15();
    await migrate({ url: stores.databaseUrl, directory: MIGRATIONS });
    expect(await schemaText(stores.databaseUrl)).toBe(readFileSync(KEPT, "utf8"));
  });

  test("run once, however many processes start at once", async () => {
    const { url, drop } = await createEmptyDatabase();
    onTestFinished(drop);
    const applied = await Promise.all(
      Array.from({ length: 5 }, () => migrate({ url, directory: MIGRATIONS })),
    );
    expect(applied.filter((run) => run.applied.length > 0)).toHaveLength(1);
    expect((await migrate({ url, directory: MIGRATIONS })).applied).toEqual([]);
  });

  test("let a role that made the two roles itself, and owns the database, see every tenant's rows", {
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

  test("refuse a file that was changed after it ran", async () => {
    const { url, drop } = await createEmptyDatabase();
    onTestFinished(drop);
    await migrate({ url, directory: MIGRATIONS });
    const client = new pg.Client(url);
    await client.connect();
    await client.query("UPDATE schema_migrations SET checksum = 'another' WHERE name LIKE '003%'");
    await client.end();
    await expect(migrate({ url, directory: MIGRATIONS })).rejects.toThrow(
      "003-flows.sql was changed after it ran",
    );
  });
});

describe("row-level security", () => {
  test("shows the API's role the tenant of its transaction and no other, and nothing without one", async () => {
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
});
