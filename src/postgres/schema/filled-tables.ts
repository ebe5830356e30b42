import type { Queryable } from "../core/database.ts";

/**
 * Analyses the tables that were empty when they were last analysed and have at least `minRows` rows now; returns their
 * names. Kept plans that read them whole are made again.
 */
export async function analyzeFilledTables(database: Queryable, minRows: number): Promise<string[]> {
  const rows = await database.query<{ name: string }>({
    name: "analyze-filled-tables",
    text: "SELECT analyze_filled_tables($1) AS name",
    values: [minRows],
  });
  return rows.map((row) => row.name);
}
