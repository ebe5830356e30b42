import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { idBounds } from "../schema/partitions.ts";

/** One line of a run's log, secrets redacted. */
export interface LogLine {
  /** RFC 3339 UTC. */
  time: string;
  level: "info" | "warn" | "error";
  message: string;
  fields?: Record<string, unknown>;
}

/** What one worker has logged for a run since it took it. */
export interface RunLogPart {
  runId: string;
  /** The fence under which the worker took the run: its lines stand beside those of any other. */
  fence: number;
  tenantId: string;
  /** Counts from 1. */
  attempt: number;
  lines: readonly LogLine[];
  /** Lines that were too many to keep. */
  dropped: number;
}

/** Writes the logs given, each whole and once in a batch; of each run the newest `maxParts` stay. */
export async function keepRunLogs(
  database: Queryable,
  parts: readonly RunLogPart[],
  maxParts: number,
): Promise<void> {
  const ids = parts.map((part) => part.runId);
  const { low, high } = idBounds(ids);
  await database.query(
    prepared(
      "keep-run-logs",
      sql`WITH places AS (
        SELECT run_id, fence, row_number() OVER (PARTITION BY run_id ORDER BY started_at DESC, fence DESC) AS place
        FROM run_logs WHERE run_id = ANY (${ids}::uuid[]) AND run_id BETWEEN ${low}::uuid AND ${high}::uuid
      ),
      old AS (
        DELETE FROM run_logs l USING places p
        WHERE l.run_id = p.run_id AND l.fence = p.fence AND p.place >= ${maxParts}
          AND l.run_id = ANY (${ids}::uuid[]) AND l.run_id BETWEEN ${low}::uuid AND ${high}::uuid
      )
      INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
      SELECT * FROM unnest(${ids}::uuid[], ${parts.map((part) => part.fence)}::bigint[], ${parts.map((part) => part.tenantId)}::text[], ${parts.map((part) => part.attempt)}::int[], ${parts.map((part) => JSON.stringify(part.lines))}::json[], ${parts.map((part) => part.dropped)}::int[])
      ON CONFLICT (run_id, fence) DO UPDATE SET lines = excluded.lines, dropped = excluded.dropped`,
    ),
  );
}

/** The logs of a run, the oldest first. */
export async function findRunLogs(
  database: Queryable,
  tenantId: string,
  runId: string,
): Promise<{ attempt: number; lines: LogLine[]; dropped: number }[]> {
  return await database.query<{
    attempt: number;
    lines: LogLine[];
    dropped: number;
  }>(sql`SELECT attempt, lines, dropped FROM run_logs WHERE tenant_id = ${tenantId} AND run_id = ${runId}
      ORDER BY started_at, fence`);
}
