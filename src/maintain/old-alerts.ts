import { deleteOldAlerts } from "../postgres/alerts.ts";
import type { Queryable } from "../postgres/database.ts";
import type { Step } from "../runtime/loop.ts";

/** One step: deletes a small batch of alerts that were resolved long ago; goes on at once while there are more. */
export function createOldAlertsStep(deps: {
  database: Queryable;
  keptMs: number;
  batchSize: number;
  intervalMs: number;
}): Step {
  const { database, keptMs, batchSize: limit, intervalMs } = deps;
  return async () => {
    const deleted = await deleteOldAlerts(database, { keptMs, limit });
    return { waitMs: deleted === limit ? 0 : intervalMs };
  };
}
