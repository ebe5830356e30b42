import type { Queryable } from "../postgres/core/database.ts";
import { ensurePartitions } from "../postgres/schema/partitions.ts";
import type { Step } from "../runtime/loop.ts";

/**
 * One step: makes the partitions of the coming days where they are missing. Every process looks, often: a machine that
 * slept for days wakes up in a day that nobody has made anything for.
 */
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
