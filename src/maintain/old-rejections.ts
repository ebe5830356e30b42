import type { Queryable } from "../postgres/database.ts";
import { deleteOldRejections } from "../postgres/rejections.ts";
import type { Step } from "../runtime/loop.ts";

/** One step: deletes a small batch of rejections that are old, or too many; goes on at once while there are more. */
export function createOldRejectionsStep(deps: {
  database: Queryable;
  maxAgeMs: number;
  maxRows: number;
  batchSize: number;
  intervalMs: number;
}): Step {
  const { database, maxAgeMs, maxRows, batchSize: limit, intervalMs } = deps;
  return async () => {
    const deleted = await deleteOldRejections(database, { maxAgeMs, maxRows, limit });
    return { waitMs: deleted === limit ? 0 : intervalMs };
  };
}
