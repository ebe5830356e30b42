import type { Queryable } from "../postgres/core/database.ts";
import { analyzeFilledTables } from "../postgres/schema/filled-tables.ts";
import type { Step } from "../runtime/loop.ts";

/** Bounds of the analysis of filled tables. */
export interface FilledTableBounds {
  /** The number of rows from which a table that was analysed while empty is analysed again. */
  minRows: number;
  intervalMs: number;
}

/**
 * Creates the step that analyses tables which were empty at their last analysis, so that statements are planned again.
 * Processes may run it concurrently.
 */
export function createFilledTablesStep(deps: {
  database: Queryable;
  bounds: FilledTableBounds;
  onAnalyzed: (tables: readonly string[]) => void;
}): Step {
  return async () => {
    const tables = await analyzeFilledTables(deps.database, deps.bounds.minRows);
    if (tables.length > 0) deps.onAnalyzed(tables);
    return { waitMs: deps.bounds.intervalMs };
  };
}
