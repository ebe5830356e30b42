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

/** Bounds of the retention of events and runs. */
export interface HistoryBounds {
  /** The retention for tenants without one of their own, days. */
  retentionDays: number;
  /** Rows that one statement deletes. */
  batchSize: number;
  /** Tenants that one statement covers. */
  maxTenants: number;
  /** How long to wait for the lock of each table of a day, ms. Other statements queue behind it. */
  lockMs: number;
  intervalMs: number;
}

/**
 * Creates the step that drops the days past the longest retention without unfinished work, and deletes the older events
 * and runs of tenants with a shorter retention, in small batches. Processes may run it concurrently; a crash loses at most
 * one batch of work.
 */
export function createHistoryStep(deps: {
  database: Queryable;
  bounds: HistoryBounds;
  onDropped: (day: string) => void;
  /** Called for a day past its retention that could not be dropped. */
  onKept: (day: string, reason: "unfinished" | "busy") => void;
}): Step {
  const { database, bounds, onDropped, onKept } = deps;
  const { retentionDays: defaultDays, batchSize, maxTenants, lockMs, intervalMs } = bounds;

  /** Deletes the runs and events of a tenant before an id. Each batch is a transaction. */
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
