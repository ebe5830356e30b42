import type { Queryable } from "../../postgres/core/database.ts";
import { insertRejections, type NewRejection } from "../../postgres/events/rejections.ts";
import type { Step } from "../../runtime/loop.ts";

export interface RejectionLogBounds {
  /** Rows written at once; what differs from all of them is only counted by the metrics. */
  maxRows: number;
  /** The wait between two writes, ms. */
  intervalMs: number;
}

/** Keeps rejected deliveries without making anybody wait: equal ones become one row, which says how many they were. */
export interface RejectionLog {
  add(rejection: Omit<NewRejection, "count">): void;
  /** Writes what has gathered. */
  step: Step;
}

export function createRejectionLog(deps: { database: Queryable; bounds: RejectionLogBounds }): RejectionLog {
  const { database, bounds } = deps;
  let gathered = new Map<string, NewRejection>();

  return {
    add(rejection) {
      const { tenantId, connector, endpoint, reason } = rejection;
      const key = JSON.stringify([tenantId, connector, endpoint, reason]);
      const count = (gathered.get(key)?.count ?? 0) + 1;
      if (count > 1 || gathered.size < bounds.maxRows) gathered.set(key, { ...rejection, count });
    },
    async step() {
      const rows = [...gathered.values()];
      gathered = new Map();
      if (rows.length > 0) await insertRejections(database, rows);
      return { waitMs: bounds.intervalMs };
    },
  };
}
