import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import type { DeadLetterStage } from "./dead-letters.ts";

/** The pending dead letters of a tenant in one stage. */
export interface DeadLetterDepth {
  tenantId: string;
  stage: DeadLetterStage;
  pending: number;
  /** The age of the oldest, s, by the database's clock. */
  oldestSeconds: number;
}

/** Dead letters of one day, UTC, that still have their payload. */
export interface DeadLetterDay {
  retentionDays: number;
  /** Days before today; 0 is today. */
  daysAgo: number;
  entries: number;
  bytes: number;
}

/**
 * Adds at most `limit` recorded changes to the counters; returns how many. Concurrent calls take different changes
 * and update the counters in the same order.
 */
export async function foldDeadLetterChanges(database: Queryable, limit: number): Promise<number> {
  const [row] = await database.query<{ folded: string }>(
    prepared(
      "fold-dead-letter-changes",
      sql`WITH taken AS (
        DELETE FROM dead_letter_changes WHERE id = ANY (ARRAY(
          SELECT id FROM dead_letter_changes ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED))
        RETURNING tenant_id, stage, day, pending, kept, bytes
      ),
      depths AS (
        INSERT INTO dead_letter_depths AS d (tenant_id, stage, pending, kept, bytes)
        SELECT tenant_id, stage, sum(pending), sum(kept), sum(bytes) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (tenant_id, stage) DO UPDATE SET pending = d.pending + excluded.pending,
          kept = d.kept + excluded.kept, bytes = d.bytes + excluded.bytes
      ),
      days AS (
        INSERT INTO dead_letter_days AS d (tenant_id, day, kept, bytes)
        SELECT tenant_id, day, sum(kept), sum(bytes) FROM taken GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (tenant_id, day) DO UPDATE SET kept = d.kept + excluded.kept, bytes = d.bytes + excluded.bytes
      )
      SELECT count(*) AS folded FROM taken`,
    ),
  );
  return Number(row?.folded);
}

/** Deletes at most `limit` counters of days without stored dead letters; returns how many. */
export async function deleteEmptyDays(database: Queryable, limit: number): Promise<number> {
  const rows = await database.query(sql`DELETE FROM dead_letter_days WHERE (tenant_id, day) IN (
        SELECT tenant_id, day FROM dead_letter_days WHERE kept = 0 AND bytes = 0
          AND day < (now() AT TIME ZONE 'UTC')::date - 1
        LIMIT ${limit} FOR UPDATE SKIP LOCKED)
      RETURNING 1`);
  return rows.length;
}

/** Reads the number and age of the pending dead letters of every tenant and stage from the counters. */
export async function readDeadLetterDepths(database: Queryable): Promise<DeadLetterDepth[]> {
  const rows = await database.query<{
    tenant_id: string;
    stage: DeadLetterStage;
    pending: string;
    oldest_seconds: number;
  }>(
    prepared(
      "read-dead-letter-depths",
      sql`SELECT c.tenant_id, c.stage, c.pending,
        greatest(0, extract(epoch FROM clock_timestamp() - (
          SELECT d.created_at FROM dead_letters d
          WHERE d.tenant_id = c.tenant_id AND d.stage = c.stage AND d.status = 'pending'
          ORDER BY d.created_at LIMIT 1)))::float8 AS oldest_seconds
      FROM (
        SELECT tenant_id, stage, sum(pending) AS pending FROM (
          SELECT tenant_id, stage, pending FROM dead_letter_depths
          UNION ALL SELECT tenant_id, stage, pending FROM dead_letter_changes
        ) AS both_tables GROUP BY 1, 2
      ) AS c WHERE c.pending > 0`,
    ),
  );
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    stage: row.stage,
    pending: Number(row.pending),
    oldestSeconds: row.oldest_seconds,
  }));
}

/** Reads the number of dead letters with a payload, and the size of all payloads, bytes. */
export async function readKeptDeadLetters(database: Queryable): Promise<{ entries: number; bytes: number }> {
  const [row] = await database.query<{ entries: string | null; bytes: string | null }>(
    prepared(
      "read-kept-dead-letters",
      sql`SELECT sum(kept) AS entries, sum(bytes) AS bytes FROM (
        SELECT kept, bytes FROM dead_letter_depths UNION ALL SELECT kept, bytes FROM dead_letter_changes
      ) AS both_tables`,
    ),
  );
  return { entries: Number(row?.entries ?? 0), bytes: Number(row?.bytes ?? 0) };
}

/**
 * Reads the stored dead letters of a tenant, or of all, by day of arrival and retention; `defaultDays` where a tenant
 * has no policy of its own.
 */
export async function readDeadLetterDays(
  database: Queryable,
  { tenantId, defaultDays }: { tenantId: string | undefined; defaultDays: number },
): Promise<DeadLetterDay[]> {
  const rows = await database.query<{
    retention_days: number;
    days_ago: number;
    entries: string;
    bytes: string;
  }>(sql`SELECT coalesce((p.definition ->> 'retention_days')::int, ${defaultDays}::int) AS retention_days,
        (now() AT TIME ZONE 'UTC')::date - d.day AS days_ago, sum(d.kept) AS entries, sum(d.bytes) AS bytes
      FROM (
        SELECT tenant_id, day, kept, bytes FROM dead_letter_days
        UNION ALL SELECT tenant_id, day, kept, bytes FROM dead_letter_changes
      ) AS d LEFT JOIN dlq_policies p USING (tenant_id)
      WHERE ${tenantId}::text IS NULL OR d.tenant_id = ${tenantId}
      GROUP BY 1, 2 HAVING sum(d.kept) > 0`);
  return rows.map((row) => ({
    retentionDays: row.retention_days,
    daysAgo: row.days_ago,
    entries: Number(row.entries),
    bytes: Number(row.bytes),
  }));
}
