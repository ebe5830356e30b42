import type { Queryable } from "../postgres/core/database.ts";
import {
  deleteEvents,
  deleteRuns,
  dropDay,
  longestRetentionDays,
  pastDays,
  type ShortLivedTenant,
  shortLivedTenants,
} from "../postgres/events/history.ts";
import type { Step } from "../runtime/loop.ts";

export interface HistoryBounds {
  /** How long events and runs are kept of tenants that say nothing themselves, days. */
  retentionDays: number;
  /** Rows that one statement deletes. */
  batchSize: number;
  /** Tenants that one statement looks at. */
  maxTenants: number;
  /** How long each table of a day is waited for, ms: everyone else waits behind. */
  lockMs: number;
  intervalMs: number;
}

/**
 * One step: drops the days that no tenant keeps any more and to which nothing unfinished refers, and deletes in small
 * batches what tenants with a shorter retention keep no more. A crash leaves whole batches behind; any number of copies
 * may do the same.
 */
export function createHistoryStep(deps: {
  database: Queryable;
  bounds: HistoryBounds;
  onDropped: (day: string) => void;
  /** A day that should be gone, and why it is not. */
  onKept: (day: string, why: "unfinished" | "busy") => void;
}): Step {
  const { database, bounds, onDropped, onKept } = deps;
  const { retentionDays: defaultDays, batchSize, maxTenants, lockMs, intervalMs } = bounds;

  /** Deletes all of a tenant's that is older; a batch is a transaction of its own. */
  async function deleteOlder({ tenantId, beforeId }: ShortLivedTenant, signal: AbortSignal): Promise<void> {
    const batch = { tenantId, beforeId, limit: batchSize };
    for (const deleteSome of [deleteRuns, deleteEvents]) {
      while (!signal.aborted && (await deleteSome(database, batch)) === batchSize);
    }
  }

  return async (signal) => {
    const days = await longestRetentionDays(database, defaultDays);
    for (const day of await pastDays(database, days)) {
      if (signal.aborted) return { waitMs: 0 };
      const outcome = await dropDay(database, day, lockMs);
      if (outcome === "dropped") onDropped(day);
      else onKept(day, outcome);
    }
    let afterTenant = "";
    for (;;) {
      const tenants = await shortLivedTenants(database, {
        afterTenant,
        days,
        defaultDays,
        limit: maxTenants,
      });
      for (const tenant of tenants) {
        if (signal.aborted) return { waitMs: 0 };
        if (tenant.hasOld) await deleteOlder(tenant, signal);
      }
      const last = tenants.at(-1);
      if (last === undefined || tenants.length < maxTenants) return { waitMs: intervalMs };
      afterTenant = last.tenantId;
    }
  };
}
