import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import type { Database } from "./database.ts";
import { storeFaultOf, TenantShareTaken } from "./faults.ts";

const SLEEP = { text: "SELECT pg_sleep(60)" };

function sleep(database: Database): Promise<unknown> {
  return database.withTenant("a", (transaction) => transaction.query(SLEEP)).catch((error: unknown) => error);
}

/** Backends that still carry out a statement of `sleep`. */
async function sleeping(database: Database): Promise<number> {
  const rows = await database.pipeline.query({
    text: `SELECT pid FROM pg_stat_activity
      WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%' AND datname = current_database()`,
  });
  return rows.length;
}

test("PostgreSQL cancels a slow statement of a transaction, and the connection stays open", async () => {
  const { database } = await migratedDatabase({ maxApiConnections: 1, transactionStatementTimeoutMs: 200 });
  const pid = () =>
    database.transaction(async (transaction) =>
      transaction.query<{ pid: number }>({ text: "SELECT pg_backend_pid() AS pid" }),
    );
  const before = await pid();
  expect(storeFaultOf(await sleep(database))).toMatchObject({
    cause: "statement_timeout",
    sqlState: "57014",
  });
  expect(await pid()).toEqual(before);
  const [row] = await database.pipeline.query<{ statement_timeout: string }>({
    text: "SHOW statement_timeout",
  });
  expect(row?.statement_timeout).not.toBe("200ms");
});

test("a statement that exceeds its timeout is canceled and its connection dropped without waiting", async () => {
  const { database } = await migratedDatabase({ maxApiConnections: 1, statementTimeoutMs: 300 });
  const asleep = sleep(database);
  await until("the statement is under way", async () => (await sleeping(database)) === 1);
  expect(storeFaultOf(await asleep)).toMatchObject({ cause: "connection" });
  const rows = await database.withTenant("b", (transaction) => transaction.query({ text: "SELECT 1" }));
  expect(rows).toHaveLength(1);
  await until("the statement has ended", async () => (await sleeping(database)) === 0);
});

test("a failed transaction waits at most a second for a running statement", async () => {
  const { database } = await migratedDatabase({ maxApiConnections: 1 });
  const failed = database.withTenant("a", async (transaction) => {
    void transaction.query(SLEEP).catch(() => {});
    throw new Error("the work failed");
  });
  await expect(failed).rejects.toThrow("the work failed");
  await database.withTenant("b", (transaction) => transaction.query({ text: "SELECT 1" }));
  await until("the statement has ended", async () => (await sleeping(database)) === 0);
});

test("a tenant's transactions use their share of the connections and do not block other tenants", async () => {
  const { database } = await migratedDatabase({
    maxApiConnections: 3,
    maxTenantConnections: 2,
    maxConnectionWaitMs: 200,
  });
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const held = [1, 2].map(() => database.withTenant("a", () => ended));
  const third = database.withTenant("a", async () => {}).catch((error: unknown) => error);
  await database.withTenant("b", (transaction) => transaction.query({ text: "SELECT 1" }));
  expect(await third).toBeInstanceOf(TenantShareTaken);
  const heldByB = database.withTenant("b", () => ended);
  const shut = await database.withTenant("c", async () => {}).catch((error: unknown) => error);
  expect(storeFaultOf(shut)).toMatchObject({ cause: "busy" });
  end();
  await Promise.all([...held, heldByB]);
  await database.withTenant("a", async () => {});
});
