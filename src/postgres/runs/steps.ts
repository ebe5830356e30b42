import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { uuid7Floor, uuid7Ms } from "../schema/partitions.ts";

/** Loads the results of a run's finished steps by name, as JSON text; null for a step that returned undefined. */
export async function loadRunSteps(database: Queryable, runId: string): Promise<Map<string, string | null>> {
  const rows = await database.query<{ name: string; result: string | null }>(
    prepared(
      "load-run-steps",
      sql`SELECT name, result::text AS result FROM run_steps WHERE run_id = ${runId}`,
    ),
  );
  return new Map(rows.map((row) => [row.name, row.result]));
}

/**
 * Stores the result of a finished step. False when the fence is no longer the run's: then nothing was written. Locks
 * the run's row, so that the run cannot be claimed between the check and the write.
 */
export async function keepRunStep(
  database: Queryable,
  step: { runId: string; fence: number; name: string; result: string | undefined },
): Promise<boolean> {
  const atMs = uuid7Ms(step.runId);
  const rows = await database.query(
    prepared(
      "keep-run-step",
      sql`WITH held AS MATERIALIZED (
        SELECT id, tenant_id FROM runs
        WHERE id = ${step.runId} AND id >= ${uuid7Floor(atMs)}::uuid AND id < ${uuid7Floor(atMs + 1)}::uuid
          AND fence = ${step.fence} AND state = 'running' FOR SHARE
      )
      INSERT INTO run_steps (run_id, name, tenant_id, result)
        SELECT id, ${step.name}, tenant_id, ${step.result}::json FROM held
      ON CONFLICT (run_id, name) DO UPDATE SET result = excluded.result RETURNING 1`,
    ),
  );
  return rows.length > 0;
}
