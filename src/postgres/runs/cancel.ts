import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";

/**
 * Cancels an unfinished run: results that a worker writes for it no longer count, and the worker stops when it cannot
 * extend its lease. The dead letter that it was replaying can be replayed again. A dead run of a flow with an order
 * counts as unfinished, because it blocks its key. Undefined when the run had ended or does not exist.
 */
export async function cancelRun(
  transaction: Queryable,
  tenantId: string,
  id: string,
): Promise<{ flowId: string; gate: string | undefined } | undefined> {
  const [row] = await transaction.query<{ flow_id: string; gate: string | null }>(sql`WITH cancelled AS (
        UPDATE runs SET state = 'cancelled', fence = fence + 1, finished_at = now()
        WHERE tenant_id = ${tenantId} AND id = ${id}
          AND (state IN ('queued', 'running', 'failed') OR state = 'dead' AND gate <> '')
        RETURNING id, tenant_id, dead_letter_id, flow_id, gate
      ),
      released AS (
        UPDATE dead_letters d SET replay_run_id = NULL, updated_at = now() FROM cancelled c
        WHERE d.id = c.dead_letter_id AND d.tenant_id = c.tenant_id AND d.replay_run_id = c.id
      )
      SELECT flow_id, gate FROM cancelled`);
  return row === undefined ? undefined : { flowId: row.flow_id, gate: row.gate ?? undefined };
}
