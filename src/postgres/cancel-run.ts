import type { Queryable } from "./database.ts";

/**
 * Ends a run that has not ended: nothing that a worker writes for it counts any more, and a worker that has it stops
 * when its lease is not extended. False when it had ended already, or there is none.
 */
export async function cancelRun(transaction: Queryable, tenantId: string, id: string): Promise<boolean> {
  const rows = await transaction.query({
    text: `UPDATE runs SET state = 'cancelled', fence = fence + 1, finished_at = now()
      WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running', 'failed') RETURNING 1`,
    values: [tenantId, id],
  });
  return rows.length > 0;
}
