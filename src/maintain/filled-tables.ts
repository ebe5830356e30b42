import type { Queryable } from "../postgres/core/database.ts";
import { analyzeFilledTables } from "../postgres/schema/filled-tables.ts";
import type { Step } from "../runtime/loop.ts";

export interface FilledTableBounds {
  /** A table that was analysed while empty is analysed again from so many rows on. */
  minRows: number;
  intervalMs: number;
}

/** One step: ends the plans that were made while a table was empty. Any number of copies may do the same. */
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
