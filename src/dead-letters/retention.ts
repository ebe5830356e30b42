import type { Queryable } from "../postgres/core/database.ts";
import { deleteEmptyDays } from "../postgres/dead-letters/depths.ts";
import { DEFAULT_POLICY } from "../postgres/dead-letters/policies.ts";
import { deleteExpiredDeadLetters, expireDeadLetters } from "../postgres/dead-letters/retention.ts";
import { failpoint } from "../runtime/failpoint.ts";
import type { Step } from "../runtime/loop.ts";

export interface RetentionBounds {
  /** Dead letters that one statement empties or deletes. */
  batchSize: number;
  /** Tenants that one statement looks at. */
  maxTenants: number;
  /** How long the row of an emptied dead letter is kept, ms. */
  emptiedMs: number;
  /** The wait when nothing is left to do, ms. */
  intervalMs: number;
}

/**
 * One step: empties a small batch of the dead letters whose time is over, and deletes one of those that were empty
 * for long; goes on at once while there are more. Each batch is a transaction of its own, so that a crash costs
 * nothing, and any number of copies share the work.
 */
export function createRetentionStep(deps: {
  database: Queryable;
  bounds: RetentionBounds;
  onCleaned: (counts: { expired: number; deleted: number }) => void;
}): Step {
  const { database, bounds, onCleaned } = deps;
  const { batchSize: limit, maxTenants, emptiedMs, intervalMs } = bounds;
  let afterTenant = "";
  return async () => {
    const { expired, nextAfter } = await expireDeadLetters(database, {
      ...{ afterTenant, maxTenants, limit },
      defaultDays: DEFAULT_POLICY.retention_days,
    });
    failpoint("retention.emptied");
    const deleted = await deleteExpiredDeadLetters(database, { keptMs: emptiedMs, limit });
    if (expired + deleted > 0) onCleaned({ expired, deleted });
    // A full batch leaves some of these tenants for the next step.
    if (expired < limit) afterTenant = nextAfter ?? "";
    if (expired === limit || deleted === limit || nextAfter !== undefined) return { waitMs: 0 };
    await deleteEmptyDays(database, limit);
    return { waitMs: intervalMs };
  };
}
