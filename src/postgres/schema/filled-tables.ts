import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";

/**
 * Analyses the tables that were empty when they were last analysed and have at least `minRows` rows now; returns
 * their names. Cached plans that scan them are made anew.
 */
export async function analyzeFilledTables(database: Queryable, minRows: number): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    prepared("analyze-filled-tables", sql`SELECT analyze_filled_tables(${minRows}) AS name`),
  );
  return rows.map((row) => row.name);
}
