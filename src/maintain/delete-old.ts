import type { Step } from "../runtime/loop.ts";

/** Deletes at most `limit` expired rows and returns how many. */
export type DeleteOld = (limit: number) => Promise<number>;

/** Creates the step that deletes a small batch of expired rows. It repeats at once after a full batch. */
export function createDeleteOldStep(
  deleteOld: DeleteOld,
  { batchSize, intervalMs }: { batchSize: number; intervalMs: number },
): Step {
  return async () => ({ waitMs: (await deleteOld(batchSize)) === batchSize ? 0 : intervalMs });
}
