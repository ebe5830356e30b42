import { cancelRuns, dropUnroutedEvents } from "../postgres/access/tenants.ts";
import type { Queryable } from "../postgres/core/database.ts";
import { deleteEvents, deleteRuns } from "../postgres/events/history.ts";
import {
  deleteTenantRows,
  findTenantToPurge,
  forgetTenant,
  type TenantTable,
  tenantTables,
} from "../postgres/events/purge.ts";
import type { Step } from "../runtime/loop.ts";

/** Bounds of the purge of deleted tenants. */
export interface PurgeBounds {
  /** Rows that one statement deletes. */
  batchSize: number;
  /** The time between the deletion of a tenant and its purge, ms, in which its running work ends. */
  settleMs: number;
  intervalMs: number;
}

/** Sorts after every id. */
const AFTER_EVERY_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * Creates the step that deletes a batch of rows of a deleted tenant from each table, and the tenant once no rows are
 * left. It repeats at once while there are rows. Processes may run it concurrently.
 */
export function createPurgeStep(deps: {
  database: Queryable;
  bounds: PurgeBounds;
  onPurged: (tenantId: string) => void;
}): Step {
  const { database, bounds, onPurged } = deps;
  const { batchSize: limit, settleMs, intervalMs } = bounds;

  async function purgeSome(tenantId: string, tables: readonly TenantTable[]): Promise<number> {
    const everything = { tenantId, beforeId: AFTER_EVERY_ID, limit };
    // Drops events and runs that arrived during the deletion first, so that they have no effect.
    let deleted = await dropUnroutedEvents(database, tenantId, limit);
    deleted += await cancelRuns(database, tenantId, limit);
    deleted += await deleteRuns(database, everything);
    deleted += await deleteEvents(database, everything);
    for (const table of tables) {
      deleted += await deleteTenantRows(database, { table, tenantId, limit });
    }
    return deleted;
  }

  return async () => {
    const tenantId = await findTenantToPurge(database, settleMs);
    if (tenantId === undefined) return { waitMs: intervalMs };
    const tables = await tenantTables(database);
    const deleted = await purgeSome(tenantId, tables);
    if (deleted === 0 && (await forgetTenant(database, tenantId, tables))) onPurged(tenantId);
    return { waitMs: 0 };
  };
}
