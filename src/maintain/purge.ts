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

export interface PurgeBounds {
  /** Rows that one statement deletes. */
  batchSize: number;
  /** A tenant is purged when it was deleted longer ago, ms: what was under way then has ended. */
  settleMs: number;
  intervalMs: number;
}

/** Above every id. */
const AFTER_EVERY_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * One step: deletes a batch of each kind of what a deleted tenant left behind, and the tenant itself when nothing is
 * left. It goes on at once while there is something. Any number of copies may do the same, and a crash leaves the rest
 * to the next step.
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
    // What came in while the tenant was being deleted: first it must not become anything.
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
