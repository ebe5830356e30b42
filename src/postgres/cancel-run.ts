import type { Queryable } from "./database.ts";

/**
 * Ends a run that has not ended: nothing that a worker writes for it counts any more, and a worker that has it stops
 * when its lease is not extended. The dead letter that it was replaying can be replayed again. False when it had ended
 * already, or there is none.
 */
export async function cancelRun(transaction: Queryable, tenantId: string, id: string): Promise<boolean> {
  const rows = await transaction.query({
    text: `WITH cancelled AS (
        UPDATE runs SET state = 'cancelled', fence = fence + 1, finished_at = now()
        WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running', 'failed')
        RETURNING id, tenant_id, dead_letter_id
      ),
      released AS (
        UPDATE dead_letters d SET replay_run_id = NULL, updated_at = now() FROM cancelled c
        WHERE d.id = c.dead_letter_id AND d.tenant_id = c.tenant_id AND d.replay_run_id = c.id
      )
      SELECT 1 FROM cancelled`,
    values: [tenantId, id],
  });
  return rows.length > 0;
}
