import { onTestFinished } from "vitest";
import { type Database, type DatabaseOptions, openDatabase } from "../../src/postgres/database.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { ensurePartitions } from "../../src/postgres/partitions.ts";
import { createDatabase } from "./stores.ts";

export const MIGRATIONS = new URL("../../migrations", import.meta.url).pathname;

/** Opens a database as a process would, with few connections and short deadlines. */
export function open(url: string, over: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    maxIngestConnections: 4,
    maxPipelineConnections: 6,
    maxApiConnections: 4,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    onError: () => {},
    ...over,
  });
}

/** A database of its own with the newest schema and today's partitions; gone when the test ends. */
export async function migratedDatabase(
  over: Partial<DatabaseOptions> = {},
): Promise<{ url: string; database: Database }> {
  const { url, drop } = await createDatabase();
  await migrate({ url, directory: MIGRATIONS });
  const database = open(url, over);
  await ensurePartitions(database.pipeline, 2);
  onTestFinished(async () => {
    await database.close();
    await drop();
  });
  return { url, database };
}

/** A tenant with one deployed flow row to refer to. */
export async function insertTenant(database: Database, id: string): Promise<void> {
  await database.transaction((transaction) =>
    transaction.query({ text: "INSERT INTO tenants (id) VALUES ($1) ON CONFLICT DO NOTHING", values: [id] }),
  );
}
