import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";
import { isAmong } from "../schema/partitions.ts";

/** One line of a run's log, secrets redacted. */
export interface LogLine {
  /** RFC 3339 UTC. */
  time: string;
  level: "info" | "warn" | "error";
  message: string;
  fields?: Record<string, unknown>;
}

/** The log of one worker's attempt at a run. */
export interface RunLogPart {
  runId: string;
  /** The fence of the worker's lease, which separates its lines from those of other workers. */
  fence: number;
  tenantId: string;
  /** Counts from 1. */
  attempt: number;
  lines: readonly LogLine[];
  /** The number of lines that exceeded the limit. */
  dropped: number;
}

/** Stores the logs, each complete and once in a batch; keeps the newest `maxParts` of each run. */
export async function keepRunLogs(
  database: Queryable,
  parts: readonly RunLogPart[],
  maxParts: number,
): Promise<void> {
  const logs = logRows(parts);
  const isTheirs = (column: string) =>
    isAmong(
      column,
      parts.map((part) => part.runId),
      logs.column("run_id"),
    );
  await database.query(
    prepared(
      "keep-run-logs",
      sql`WITH ranks AS (
        SELECT run_id, fence, row_number() OVER (PARTITION BY run_id ORDER BY started_at DESC, fence DESC) AS rank
        FROM run_logs WHERE ${isTheirs("run_id")}
      ),
      old AS (
        DELETE FROM run_logs l USING ranks p
        WHERE l.run_id = p.run_id AND l.fence = p.fence AND p.rank >= ${maxParts}
          AND ${isTheirs("l.run_id")}
      )
      INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
      SELECT * FROM ${logs.from("l")}
      ON CONFLICT (run_id, fence) DO UPDATE SET lines = excluded.lines, dropped = excluded.dropped`,
    ),
  );
}

const logRows = rowInput<RunLogPart>([
  ["run_id", "uuid", (part) => part.runId],
  ["fence", "bigint", (part) => part.fence],
  ["tenant_id", "text", (part) => part.tenantId],
  ["attempt", "int", (part) => part.attempt],
  ["lines", "json", (part) => JSON.stringify(part.lines)],
  ["dropped", "int", (part) => part.dropped],
]);

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
