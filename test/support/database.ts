import { onTestFinished } from "vitest";
import { type Database, type DatabaseOptions, openDatabase } from "../../src/postgres/core/database.ts";
import { createDatabase } from "./stores.ts";

/** Opens a database like a process does, with few connections and short deadlines. */
export function open(url: string, over: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    maxIngestConnections: 4,
    maxPipelineConnections: 6,
    maxApiConnections: 4,
    maxTenantConnections: 3,
    maxConnectionWaitMs: 5_000,
    maxWaitingTransactions: 100,
    maxAccessConnections: 2,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    transactionStatementTimeoutMs: 8_000,
    onError: () => {},
    ...over,
  });
}

/** A new database with the latest schema and today's partitions, dropped when the test ends. */
export async function migratedDatabase(
  over: Partial<DatabaseOptions> = {},
): Promise<{ url: string; database: Database }> {
  const { url, drop } = await createDatabase();
  const database = open(url, over);
  onTestFinished(async () => {
    await database.close();
    await drop();
  });
  return { url, database };
}

/** Inserts a tenant unless it exists. */
export async function insertTenant(database: Database, id: string): Promise<void> {
  await database.transaction((transaction) =>
    transaction.query({ text: "INSERT INTO tenants (id) VALUES ($1) ON CONFLICT DO NOTHING", values: [id] }),
  );
}
