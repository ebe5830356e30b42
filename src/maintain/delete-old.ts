import type { Step } from "../runtime/loop.ts";

/** Deletes at most `limit` rows whose time is over, and answers how many. */
export type DeleteOld = (limit: number) => Promise<number>;

/** One step: deletes a small batch of what is old; goes on at once while there is more. */
export function createDeleteOldStep(
  deleteOld: DeleteOld,
  { batchSize, intervalMs }: { batchSize: number; intervalMs: number },
): Step {
  return async () => ({ waitMs: (await deleteOld(batchSize)) === batchSize ? 0 : intervalMs });
}
