import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { PARTITIONED_TABLES, uuid7Floor } from "../schema/partitions.ts";

const DAY_MS = 86_400_000;

/** A tenant whose events and runs are deleted before the partitions of their day are dropped. */
export interface ShortLivedTenant {
  tenantId: string;
  /** The lowest id that is kept. */
  beforeId: string;
  /** Whether there may be older rows. */
  hasOld: boolean;
}

/** The longest retention of any tenant, days; at least `defaultDays`. */
export async function longestRetentionDays(database: Queryable, defaultDays: number): Promise<number> {
  const [row] = await database.query<{ days: number }>(
    sql`SELECT greatest(${defaultDays}::int, max(retention_days)) AS days FROM tenants WHERE deleted_at IS NULL`,
  );
  return row?.days ?? defaultDays;
}

/** Lists the tenants after `afterTenant` that keep their history for less than `days`, at most `limit`. */
export async function shortLivedTenants(
  database: Queryable,
  {
    afterTenant,
    days,
    defaultDays,
    limit,
  }: { afterTenant: string; days: number; defaultDays: number; limit: number },
): Promise<ShortLivedTenant[]> {
  const rows = await database.query<{ id: string; before_id: string; has_old: boolean }>(
    prepared(
      "short-lived-tenants",
      sql`WITH page AS MATERIALIZED (
        SELECT id,
          (lpad(to_hex(clock_us() / 1000 - coalesce(retention_days, ${defaultDays}::int) * 86400000::bigint), 12, '0')
          || repeat('0', 20))::uuid AS before_id
        FROM tenants
        WHERE id > ${afterTenant} AND deleted_at IS NULL AND coalesce(retention_days, ${defaultDays}) < ${days}::int
        ORDER BY id LIMIT ${limit}
      )
      SELECT p.id, p.before_id,
        EXISTS (SELECT FROM events e WHERE e.tenant_id = p.id AND e.id < p.before_id)
          OR EXISTS (SELECT FROM runs r WHERE r.tenant_id = p.id AND r.id < p.before_id) AS has_old
      FROM page p ORDER BY p.id`,
    ),
  );
  return rows.map((row) => ({ tenantId: row.id, beforeId: row.before_id, hasOld: row.has_old }));
}

/** Lists the days, as UTC dates, whose partitions hold only rows older than `days`; the oldest first. */
export async function pastDays(database: Queryable, days: number): Promise<string[]> {
  const rows = await database.query<{
    day: string;
  }>(sql`SELECT DISTINCT to_char(to_date(right(c.relname, 8), 'YYYYMMDD'), 'YYYY-MM-DD') AS day
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent::regclass::text = ANY (${PARTITIONED_TABLES}) AND c.relname ~ '_[0-9]{8}$'
        AND to_date(right(c.relname, 8), 'YYYYMMDD') < (now() AT TIME ZONE 'UTC')::date - ${days}::int
      ORDER BY day`);
  return rows.map((row) => row.day);
}

/**
 * Drops a day's partitions unless unfinished work refers to their rows; gives up with `busy` if the tables are not
 * free within `waitMs`.
 */
export async function dropDay(
  database: Queryable,
  day: string,
  waitMs: number,
): Promise<"dropped" | "unfinished" | "busy"> {
  const startMs = Date.parse(day);
  const [row] = await database.query<{ outcome: "dropped" | "unfinished" | "busy" }>(
    sql`SELECT drop_day(${PARTITIONED_TABLES}, ${`_${day.replaceAll("-", "")}`}, ${uuid7Floor(startMs)},
      ${uuid7Floor(startMs + DAY_MS)}, ${waitMs}) AS outcome`,
  );
  return row?.outcome ?? "busy";
}

/**
 * Deletes at most `limit` finished runs of a tenant with ids below `beforeId`, with their attempts, steps and logs.
 */
export async function deleteRuns(
  database: Queryable,
  { tenantId, beforeId, limit }: { tenantId: string; beforeId: string; limit: number },
): Promise<number> {
  const rows = await database.query(
    prepared(
      "delete-runs",
      sql`WITH gone AS (
        DELETE FROM runs WHERE id = ANY (ARRAY(
          SELECT id FROM runs WHERE tenant_id = ${tenantId} AND id < ${beforeId}::uuid
            AND state IN ('succeeded', 'dead', 'cancelled')
          ORDER BY id LIMIT ${limit})) AND id < ${beforeId}::uuid AND state IN ('succeeded', 'dead', 'cancelled')
        RETURNING id
      ),
      gone_attempts AS (DELETE FROM attempts WHERE run_id = ANY (ARRAY(SELECT id FROM gone))
        AND run_id < ${beforeId}::uuid),
      gone_steps AS (DELETE FROM run_steps WHERE run_id = ANY (ARRAY(SELECT id FROM gone))
        AND run_id < ${beforeId}::uuid),
      gone_logs AS (DELETE FROM run_logs WHERE run_id = ANY (ARRAY(SELECT id FROM gone))
        AND run_id < ${beforeId}::uuid)
      SELECT FROM gone`,
    ),
  );
  return rows.length;
}

/**
 * Deletes at most `limit` routed events of a tenant with ids below `beforeId`, and their verdicts; keeps events with
 * an old run or an unfinished replay.
 */
export async function deleteEvents(
  database: Queryable,
  { tenantId, beforeId, limit }: { tenantId: string; beforeId: string; limit: number },
): Promise<number> {
  const rows = await database.query(
    prepared(
      "delete-events",
      sql`WITH needed AS MATERIALIZED (
        SELECT event_id FROM runs WHERE tenant_id = ${tenantId} AND id < ${beforeId}::uuid
        UNION ALL SELECT event_id FROM runs WHERE replay_seq > 0 AND event_id < ${beforeId}::uuid
          AND tenant_id = ${tenantId}
          AND state IN ('queued', 'running', 'failed')
      ),
      gone AS (
        DELETE FROM events WHERE id = ANY (ARRAY(
          SELECT e.id FROM events e WHERE e.tenant_id = ${tenantId} AND e.id < ${beforeId}::uuid
            AND NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = e.id)
            AND NOT EXISTS (SELECT FROM needed n WHERE n.event_id = e.id)
          ORDER BY e.id LIMIT ${limit})) AND id < ${beforeId}::uuid
        RETURNING id
      ),
      gone_verdicts AS (
        DELETE FROM verdicts WHERE event_id = ANY (ARRAY(SELECT id FROM gone)) AND event_id < ${beforeId}::uuid
      )
      SELECT FROM gone`,
    ),
  );
  return rows.length;
}
