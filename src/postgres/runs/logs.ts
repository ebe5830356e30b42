import type { Queryable } from "../core/database.ts";
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
  await database.query({
    name: "keep-run-logs",
    text: `WITH places AS (
        SELECT run_id, fence, row_number() OVER (PARTITION BY run_id ORDER BY started_at DESC, fence DESC) AS place
        FROM run_logs WHERE run_id = ANY ($1::uuid[]) AND run_id BETWEEN $7::uuid AND $8::uuid
      ),
      old AS (
        DELETE FROM run_logs l USING places p
        WHERE l.run_id = p.run_id AND l.fence = p.fence AND p.place >= $9
          AND l.run_id = ANY ($1::uuid[]) AND l.run_id BETWEEN $7::uuid AND $8::uuid
      )
      INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
      SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[], $5::json[], $6::int[])
      ON CONFLICT (run_id, fence) DO UPDATE SET lines = excluded.lines, dropped = excluded.dropped`,
    values: [
      ids,
      parts.map((part) => part.fence),
      parts.map((part) => part.tenantId),
      parts.map((part) => part.attempt),
      parts.map((part) => JSON.stringify(part.lines)),
      parts.map((part) => part.dropped),
      low,
      high,
      maxParts,
    ],
  });
}

/** The logs of a run, the oldest first. */
export async function findRunLogs(
  database: Queryable,
  tenantId: string,
  runId: string,
): Promise<{ attempt: number; lines: LogLine[]; dropped: number }[]> {
  return await database.query<{ attempt: number; lines: LogLine[]; dropped: number }>({
    text: `SELECT attempt, lines, dropped FROM run_logs WHERE tenant_id = $1 AND run_id = $2
      ORDER BY started_at, fence`,
    values: [tenantId, runId],
  });
}
