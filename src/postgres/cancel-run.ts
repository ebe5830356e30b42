import type { Queryable } from "./database.ts";

/**
 * Ends a run that has not ended: nothing that a worker writes for it counts any more, and a worker that has it stops
 * when its lease is not extended. A dead run of a flow with an order counts as one that has not: it holds up its key.
 * Undefined when it had ended already, or there is none.
 */
export async function cancelRun(
  transaction: Queryable,
  tenantId: string,
  id: string,
): Promise<{ flowId: string; gate: string | undefined } | undefined> {
  const [row] = await transaction.query<{ flow_id: string; gate: string | null }>({
    text: `UPDATE runs SET state = 'cancelled', fence = fence + 1, finished_at = now()
      WHERE tenant_id = $1 AND id = $2 AND (state IN ('queued', 'running', 'failed') OR state = 'dead' AND gate <> '')
      RETURNING flow_id, gate`,
    values: [tenantId, id],
  });
  return row === undefined ? undefined : { flowId: row.flow_id, gate: row.gate ?? undefined };
}
