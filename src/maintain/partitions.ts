import type { Queryable } from "../postgres/core/database.ts";
import { ensurePartitions } from "../postgres/schema/partitions.ts";
import type { Step } from "../runtime/loop.ts";

/**
 * Creates the step that makes missing partitions of today and the coming days. Every process runs it often, since a
 * machine that was suspended may resume in a day without partitions.
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
