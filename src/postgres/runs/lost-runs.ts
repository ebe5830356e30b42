import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";
import { idBounds, isAmong } from "../schema/partitions.ts";
import { WORKER_LOST } from "./runs.ts";

/** A run that lost its worker: it was running, and its lease expired. */
export interface LostRun {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  fence: number;
  replaySeq: number;
  /** How often it lost its worker before, since an attempt ended. */
  lost: number;
}

/**
 * Finds the due runs that lost their worker, and counts the suspects: due runs that did so before and waited since.
 */
export async function findLostRuns(
  database: Queryable,
  ids: readonly string[],
): Promise<{ lost: LostRun[]; suspects: number }> {
  const rows = await database.query<{
    id: string;
    tenant_id: string;
    flow_id: string;
    flow_version: number;
    event_id: string;
    fence: string;
    replay_seq: number;
    lost: number;
    is_running: boolean;
  }>(
    prepared(
      "find-lost-runs",
      sql`SELECT id, tenant_id, flow_id, flow_version, event_id, fence, replay_seq, lost,
        state = 'running' AS is_running
      FROM runs WHERE ${isAmong("id", ids)}
        AND (state = 'running' OR state = 'failed' AND lost > 1) AND visible_at <= now()`,
    ),
  );
  const lost = rows
    .filter((row) => row.is_running)
    .map((row) => ({
      id: row.id,
      tenantId: row.tenant_id,
      flowId: row.flow_id,
      flowVersion: row.flow_version,
      eventId: row.event_id,
      fence: Number(row.fence),
      replaySeq: row.replay_seq,
      lost: row.lost,
    }));
  return { lost, suspects: rows.length - lost.length };
}

/**
 * Counts the loss of runs that are still lost. After the first loss a run is queued, due at once; after another one
 * it is a suspect, and waits like a failed attempt.
 */
export async function countLosses(
  database: Queryable,
  lost: readonly { id: string; fence: number; delayMs: number }[],
): Promise<void> {
  if (lost.length === 0) return;
  const ids = lost.map((run) => run.id);
  const losses = lossRows(lost);
  await database.query(
    prepared(
      "count-losses",
      sql`UPDATE runs r SET state = CASE WHEN r.lost = 0 THEN 'queued' ELSE 'failed' END, lost = r.lost + 1,
        error_code = ${sql.literal(WORKER_LOST)}, error_message = 'The worker was gone before an attempt ended',
        visible_at = now() + l.delay_ms * interval '1 millisecond'
      FROM ${losses.from("l")}
      WHERE ${isAmong("r.id", ids, losses.column("id"))}
        AND r.id = l.id AND r.fence = l.fence AND r.state = 'running' AND r.visible_at <= now()`,
    ),
  );
}

const lossRows = rowInput<{ id: string; fence: number; delayMs: number }>([
  ["id", "uuid", (run) => run.id],
  ["fence", "bigint", (run) => run.fence],
  ["delay_ms", "int", (run) => Math.round(run.delayMs)],
]);

/**
 * Lets one suspect among the due runs go on, and only while no other suspect runs; the others wait for another
 * `waitMs`. If it crashes its worker again, it crashes no other suspect.
 */
export async function holdSuspects(
  database: Queryable,
  ids: readonly string[],
  waitMs: number,
): Promise<void> {
  const { low, high } = idBounds(ids);
  await database.query(
    prepared(
      "hold-suspects",
      sql`UPDATE runs r SET visible_at = now() + ${waitMs}::int * interval '1 millisecond'
      WHERE r.id = ANY (ARRAY(
          SELECT s.id FROM runs s
          WHERE s.id = ANY (${ids}::uuid[]) AND s.id BETWEEN ${low}::uuid AND ${high}::uuid AND s.lost > 1
            AND s.state = 'failed'
          ORDER BY s.visible_at, s.id
          OFFSET CASE WHEN EXISTS (
            SELECT FROM runs o WHERE o.lost > 1
              AND (o.state = 'running' OR o.state = 'queued' AND o.held_reason IS NULL)) THEN 0 ELSE 1 END))
        AND r.id BETWEEN ${low}::uuid AND ${high}::uuid AND r.lost > 1 AND r.state = 'failed'`,
    ),
  );
}
