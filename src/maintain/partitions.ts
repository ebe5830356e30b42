import type { Queryable } from "../postgres/database.ts";
import { ensurePartitions } from "../postgres/partitions.ts";
import type { Step } from "../runtime/loop.ts";

/** One step: the partitions of the coming days exist. Long before the first of them is needed. */
export function createPartitionStep(deps: {
  database: Queryable;
  daysAhead: number;
  intervalMs: number;
  onMade: (partitions: string[]) => void;
}): Step {
  return async () => {
    const made = await ensurePartitions(deps.database, deps.daysAhead);
    if (made.length > 0) deps.onMade(made);
    return { waitMs: deps.intervalMs };
  };
}
