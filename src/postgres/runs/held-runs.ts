import type { Priority } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";
import { isAmong } from "../schema/partitions.ts";
import type { DueRun } from "./runs.ts";

/** A claimed run that is put off: the reason that the API shows, and for how long, ms. */
export interface HeldRun {
  id: string;
  fence: number;
  reason: string;
  delayMs: number;
}

/**
 * Releases claimed runs that were not executed: queued and held, without an attempt. If the lease was lost, nothing
 * changes.
 */
export async function holdRuns(database: Queryable, held: readonly HeldRun[]): Promise<void> {
  const ids = held.map((run) => run.id);
  const rows = heldRows(held);
  await database.query(
    prepared(
      "hold-runs",
      sql`UPDATE runs r SET state = 'queued', held_reason = h.reason,
        visible_at = now() + h.delay_ms * interval '1 millisecond',
        started_at = CASE WHEN r.attempts = 0 THEN NULL ELSE r.started_at END
      FROM ${rows.from("h")}
      WHERE ${isAmong("r.id", ids, rows.column("id"))}
        AND r.id = h.id AND r.fence = h.fence AND r.state = 'running'`,
    ),
  );
}

const heldRows = rowInput<HeldRun>([
  ["id", "uuid", (run) => run.id],
  ["fence", "bigint", (run) => run.fence],
  ["reason", "text", (run) => run.reason],
  ["delay_ms", "float8", (run) => run.delayMs],
]);

/** The reason of runs whose tenant uses all its slots. */
export const TENANT_SLOTS = "tenant_slots";

/**
 * Puts off queued runs until their tenant has free slots. The commit is not flushed to disk: if a crash undoes it,
 * the run comes due as if its job were lost.
 */
export async function putOffRuns(
  database: Queryable,
  runs: readonly { id: string; delayMs: number }[],
): Promise<void> {
  const ids = runs.map((run) => run.id);
  const delayed = delayedRows(runs);
  await database.query(
    prepared(
      "put-off-runs",
      sql`WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
      UPDATE runs r SET held_reason = ${sql.literal(TENANT_SLOTS)},
        visible_at = now() + p.delay_ms * interval '1 millisecond'
      FROM relaxed, ${delayed.from("p")}
      WHERE ${isAmong("r.id", ids, delayed.column("id"))} AND r.id = p.id AND r.state = 'queued'`,
    ),
  );
}

const delayedRows = rowInput<{ id: string; delayMs: number }>([
  ["id", "uuid", (run) => run.id],
  ["delay_ms", "float8", (run) => run.delayMs],
]);

/**
 * Finds the first runs by event that are put off, of each tenant and lane, at most `limit` each, in the order of
 * `lines`.
 */
export async function findPutOffRuns(
  database: Queryable,
  lines: readonly { tenantId: string; lane: Priority; limit: number }[],
): Promise<{ id: string; gated: boolean }[][]> {
  const rows = await database.query<{ line: number; id: string; gated: boolean }>(
    prepared(
      "find-put-off-runs",
      sql`SELECT l.line::int, r.id, r.gated
      FROM ${lineRows(lines).from("l", "line")}, LATERAL (
        SELECT id, event_id, gate IS NOT NULL AS gated FROM runs
        WHERE tenant_id = l.tenant_id AND lane = l.lane AND state = 'queued'
          AND held_reason = ${sql.literal(TENANT_SLOTS)}
        ORDER BY event_id LIMIT l.most) r
      ORDER BY l.line, r.event_id`,
    ),
  );
  const found = lines.map((): { id: string; gated: boolean }[] => []);
  for (const { line, id, gated } of rows) found[line - 1]?.push({ id, gated });
  return found;
}

const lineRows = rowInput<{ tenantId: string; lane: Priority; limit: number }>([
  ["tenant_id", "text", (line) => line.tenantId],
  ["lane", "smallint", (line) => line.lane],
  ["most", "int", (line) => line.limit],
]);

/** Queues the runs of a tenant that are held for a reason, at most `limit`, in the order of their events. */
export async function wakeHeldRuns(
  database: Queryable,
  held: { tenantId: string; reason: string; limit: number; leaseMs: number },
): Promise<DueRun[]> {
  const rows = await database.query(
    prepared(
      "wake-held-runs",
      sql`UPDATE runs SET held_reason = NULL, generation = generation + 1,
        visible_at = now() + ${held.leaseMs}::int * interval '1 millisecond'
      WHERE id = ANY (ARRAY(SELECT id FROM runs
          WHERE tenant_id = ${held.tenantId} AND held_reason = ${held.reason} AND state = 'queued'
            AND visible_at > now()
          ORDER BY event_id LIMIT ${held.limit}))
        AND state = 'queued'
      RETURNING id, tenant_id, flow_id, lane, generation, gate IS NOT NULL AS gated`,
    ),
  );
  return fromRows<DueRun>(rows);
}
