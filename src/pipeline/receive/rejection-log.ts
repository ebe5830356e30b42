import type { Queryable } from "../../postgres/core/database.ts";
import { insertRejections, type NewRejection } from "../../postgres/events/rejections.ts";
import type { Step } from "../../runtime/loop.ts";

/** Bounds of the rejection log. */
export interface RejectionLogBounds {
  /** Rows per write. Further rejections with other names or reasons only count in the metrics. */
  maxRows: number;
  /** Wait between two writes, ms. */
  intervalMs: number;
}

/** Gathers rejected deliveries in memory. Equal ones become one row with a count. No request waits for the write. */
export interface RejectionLog {
  add(rejection: Omit<NewRejection, "count">): void;
  /** Writes the gathered rejections. */
  step: Step;
}

/** Creates an empty rejection log. */
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
