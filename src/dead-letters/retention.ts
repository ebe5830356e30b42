import type { Queryable } from "../postgres/core/database.ts";
import { deleteEmptyDays } from "../postgres/dead-letters/depths.ts";
import { DEFAULT_POLICY } from "../postgres/dead-letters/policies.ts";
import { deleteExpiredDeadLetters, expireDeadLetters } from "../postgres/dead-letters/retention.ts";
import { failpoint } from "../runtime/failpoint.ts";
import type { Step } from "../runtime/loop.ts";

/** Bounds of the retention of dead letters. */
export interface RetentionBounds {
  /** Dead letters that one statement empties or deletes. */
  batchSize: number;
  /** Tenants that one statement covers. */
  maxTenants: number;
  /** How long the row of an emptied dead letter is kept, ms. */
  emptiedMs: number;
  /** The wait when nothing is left to do, ms. */
  intervalMs: number;
}

/**
 * Creates the step that empties a small batch of expired dead letters, and deletes a batch of rows that were emptied long
 * ago. It repeats at once while there are more. Each batch is a transaction, so that a crash loses nothing and processes
 * share the work.
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
      afterTenant,
      maxTenants,
      limit,
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
