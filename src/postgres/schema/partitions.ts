import pg from "pg";
import { errorMessage } from "../../runtime/error-message.ts";
import { textArray } from "../core/array-literal.ts";
import type { Queryable } from "../core/database.ts";
import { PostgresUnavailable } from "../core/faults.ts";
import { type Sql, sql } from "../core/sql.ts";

/** Every table that is partitioned by the day in a UUIDv7. */
export const PARTITIONED_TABLES = [
  "events",
  "verdicts",
  "runs",
  "attempts",
  "run_steps",
  "run_logs",
] as const;

/** The smallest UUIDv7 of a moment, ms since the epoch: the start or end of a range of ids. */
export function uuid7Floor(epochMs: number): string {
  const hex = Math.max(0, Math.floor(epochMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The milliseconds in a UUIDv7. */
export function uuid7Ms(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * The bounds that a batch of ids lies in, both inclusive. A statement that names them beside `= ANY (ids)` touches
 * the partitions of those days alone: the planner does not prune by the array itself.
 */
export function idBounds(ids: readonly string[]): { low: string; high: string } {
  let low = ids[0] ?? "";
  let high = low;
  for (const id of ids) {
    if (id < low) low = id;
    if (id > high) high = id;
  }
  return { low, high };
}

/**
 * Is true of rows of a partitioned table whose `column` is one of the ids; names their bounds for the planner. `sent`
 * stands for the ids where the statement sends them already.
 */
export function isAmong(
  column: string,
  ids: readonly string[],
  sent: Sql = sql`${textArray(ids)}::uuid[]`,
): Sql {
  const { low, high } = idBounds(ids);
  const name = sql.raw(column);
  return sql`${name} = ANY (${sent}) AND ${name} BETWEEN ${low}::uuid AND ${high}::uuid`;
}

/**
 * Creates the partitions from yesterday to `daysAhead` days after today, by the database's clock, and returns the
 * names of those that were missing. They belong to the owner of the tables, whichever role calls.
 */
export async function ensurePartitions(database: Queryable, daysAhead: number): Promise<string[]> {
  const [row] = await database.query<{ made: string[] }>(sql`SELECT make_partitions(${daysAhead}) AS made`);
  return row?.made ?? [];
}

/** The names of partitions that are missing from yesterday to `daysAhead` days after today, by the database's clock. */
export async function listMissingPartitions(database: Queryable, daysAhead: number): Promise<string[]> {
  const rows = await database.query<{ partition: string }>(
    sql`SELECT partition FROM missing_partitions(${daysAhead})`,
  );
  return rows.map((row) => row.partition);
}

/** True when no partition of the table holds the row's day: it was not created yet, or was dropped. */
export function isMissingPartition(error: unknown): error is pg.DatabaseError {
  if (!(error instanceof pg.DatabaseError) || error.code !== "23514") return false;
  // A row that a CHECK refuses names the constraint.
  return error.constraint === undefined && PARTITIONED_TABLES.some((table) => table === error.table);
}

/**
 * Creates the partitions that a statement missed with the error `cause`; rejects with `store_unavailable` if it
 * cannot.
 */
export async function makeMissingPartitions(database: Queryable, cause: Error): Promise<void> {
  try {
    await ensurePartitions(database, 1);
  } catch (error) {
    const reason = errorMessage(error);
    throw noPartition(cause, `, and it cannot be made: ${reason}`);
  }
}

/** The fault of a row that fits no partition, for which none could be made. */
export function noPartition(cause: Error, more = ""): PostgresUnavailable {
  const text = `a table has no partition for the day of a row${more}`;
  return new PostgresUnavailable({ cause: "no_partition", text, sqlState: "23514" }, cause);
}
