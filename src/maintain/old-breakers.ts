import { deleteOldBreakers } from "../postgres/circuit-breakers.ts";
import type { Queryable } from "../postgres/database.ts";
import type { Step } from "../runtime/loop.ts";

/** One step: forgets a small batch of breakers that closed long ago; goes on at once while there are more. */
export function createOldBreakersStep(deps: {
  database: Queryable;
  maxAgeMs: number;
  batchSize: number;
  intervalMs: number;
}): Step {
  const { database, maxAgeMs, batchSize: limit, intervalMs } = deps;
  return async () => {
    const deleted = await deleteOldBreakers(database, { maxAgeMs, limit });
    return { waitMs: deleted === limit ? 0 : intervalMs };
  };
}
