import type { Priority } from "../domain/priority.ts";
import type { Queryable } from "./database.ts";
import { idBounds } from "./partitions.ts";
import type { DueRun } from "./runs.ts";

/** A claimed run that is not tried now: why, as it is shown, and for how long, ms. */
export interface HeldRun {
  id: string;
  fence: number;
  reason: string;
  delayMs: number;
}

/** Gives runs back that were claimed and not tried: queued, held, their attempts unspent. Who lost a run changes nothing. */
export async function holdRuns(database: Queryable, held: readonly HeldRun[]): Promise<void> {
  const ids = held.map((run) => run.id);
  const { low, high } = idBounds(ids);
  await database.query({
    name: "hold-runs",
    text: `UPDATE runs r SET state = 'queued', held_reason = h.reason,
        visible_at = now() + h.delay_ms * interval '1 millisecond',
        started_at = CASE WHEN r.attempts = 0 THEN NULL ELSE r.started_at END
      FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::float8[]) AS h (id, fence, reason, delay_ms)
      WHERE r.id = ANY ($1::uuid[]) AND r.id BETWEEN $5::uuid AND $6::uuid
        AND r.id = h.id AND r.fence = h.fence AND r.state = 'running'`,
    values: [
      ids,
      held.map((run) => run.fence),
      held.map((run) => run.reason),
      held.map((run) => run.delayMs),
      low,
      high,
    ],
  });
}

/** Queues anew, at most `limit` at once, the runs of a tenant that are held for this reason; the first ones first. */
export async function wakeHeldRuns(
  database: Queryable,
  held: { tenantId: string; reason: string; limit: number; leaseMs: number },
): Promise<DueRun[]> {
  const rows = await database.query<{
    id: string;
    flow_id: string;
    lane: Priority;
    generation: number;
    gated: boolean;
  }>({
    name: "wake-held-runs",
    text: `UPDATE runs SET generation = generation + 1, visible_at = now() + $4::int * interval '1 millisecond'
      WHERE id = ANY (ARRAY(SELECT id FROM runs
          WHERE tenant_id = $1 AND held_reason = $2 AND state = 'queued' AND visible_at > now()
          ORDER BY event_id LIMIT $3))
        AND state = 'queued'
      RETURNING id, flow_id, lane, generation, gate IS NOT NULL AS gated`,
    values: [held.tenantId, held.reason, held.limit, held.leaseMs],
  });
  return rows.map((row) => ({
    id: row.id,
    tenantId: held.tenantId,
    flowId: row.flow_id,
    lane: row.lane,
    generation: row.generation,
    gated: row.gated,
  }));
}
