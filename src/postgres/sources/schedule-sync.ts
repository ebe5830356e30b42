import type { Queryable } from "../core/database.ts";
import { fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** A source and the time until it is due and not being polled, ms. */
export interface ScheduleEntry extends SourceName {
  waitMs: number;
}

const WAIT_MS = sql`greatest(0,
  extract(epoch FROM greatest(s.next_poll_at, s.leased_until) - clock_timestamp()) * 1000)::float8
  AS wait_ms`;

/**
 * Creates the schedules of sources that are new since a value of the sources counter, and makes changed ones due: at
 * once if the source changed, within the old interval if its connector did. At most `limit`; a shorter result is the
 * last one.
 */
export async function syncSchedules(
  database: Queryable,
  { since, limit }: { since: number; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query(
    prepared(
      "sync-schedules",
      sql`WITH changed AS (
        SELECT d.tenant_id, d.id, d.connector, d.version || '.' || n.source_version AS version,
          CASE WHEN n.source #>> '{rate_limit,shared}' = 'true' THEN '*' ELSE d.tenant_id END AS limiter
        FROM sources d JOIN connectors n ON n.id = d.connector JOIN tenants t ON t.id = d.tenant_id
          LEFT JOIN source_schedules s ON s.tenant_id = d.tenant_id AND s.source = d.id
        WHERE d.enabled AND n.source IS NOT NULL AND t.deleted_at IS NULL
          AND (d.version > ${since} OR d.connector IN (
            SELECT id FROM connectors WHERE source_version > ${since}))
          AND s.version IS DISTINCT FROM d.version || '.' || n.source_version
        ORDER BY d.tenant_id, d.id LIMIT ${limit}
      )
      INSERT INTO source_schedules AS s (tenant_id, source, connector, version, limiter)
      SELECT tenant_id, id, connector, version, limiter FROM changed
      ON CONFLICT (tenant_id, source) DO UPDATE SET connector = excluded.connector, version = excluded.version,
        limiter = excluded.limiter, failures = 0, updated_at = now(),
        (due_at, next_poll_at) = (SELECT at, at FROM (SELECT least(s.next_poll_at, now() +
          CASE WHEN split_part(s.version, '.', 1) = split_part(excluded.version, '.', 1)
            THEN random() * coalesce(s.interval_seconds, 0) ELSE 0 END * interval '1 second') AS at) AS soon)
      RETURNING s.tenant_id, s.source, ${WAIT_MS}`,
    ),
  );
  return fromRows<ScheduleEntry>(rows);
}

/** A page of all schedules that have a next poll, in the order of their names. */
export async function listSchedules(
  database: Queryable,
  { after, limit }: { after: SourceName; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query(
    prepared(
      "list-schedules",
      sql`SELECT s.tenant_id, s.source, ${WAIT_MS} FROM source_schedules s
      WHERE (s.tenant_id, s.source) > (${after.tenantId}, ${after.source}) AND s.next_poll_at < 'infinity'
      ORDER BY s.tenant_id, s.source LIMIT ${limit}`,
    ),
  );
  return fromRows<ScheduleEntry>(rows);
}

/** True of a source that no limit holds. */
const UNHELD = sql`coalesce(s.not_before, '-infinity') < now() AND NOT EXISTS (SELECT FROM source_limits l
  WHERE l.tenant_id = s.limiter AND l.connector = s.connector AND l.not_before > now())`;

/** Lists sources that have been due for `lateMs`, the longest due first: Redis may have lost them. */
export async function listOverdue(
  database: Queryable,
  { lateMs, limit }: { lateMs: number; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query(
    prepared(
      "list-overdue-schedules",
      sql`SELECT s.tenant_id, s.source, ${WAIT_MS} FROM source_schedules s
      WHERE s.next_poll_at < now() - ${lateMs} * interval '1 millisecond'
        AND (s.leased_until IS NULL OR s.leased_until < now() - ${lateMs} * interval '1 millisecond')
        AND ${UNHELD}
      ORDER BY s.next_poll_at LIMIT ${limit}`,
    ),
  );
  return fromRows<ScheduleEntry>(rows);
}

/** Sums the demand of all sources, from which the policy computes its price. */
export async function sumDemand(
  database: Queryable,
): Promise<{ sources: number; demand: number; known: number }> {
  const [row] = await database.query<{ sources: number; demand: number; known: number }>(
    prepared(
      "sum-poll-demand",
      sql`SELECT count(*)::int AS sources, coalesce(sum(demand), 0)::float8 AS demand,
        count(*) FILTER (WHERE demand > 0)::int AS known
      FROM source_schedules WHERE next_poll_at < 'infinity'`,
    ),
  );
  return row ?? { sources: 0, demand: 0, known: 0 };
}

/** Counts the sources that are due and not being polled, up to `limit`, and how long the first has been due, ms. */
export async function measureDue(
  database: Queryable,
  limit: number,
): Promise<{ due: number; oldestMs: number }> {
  const [row] = await database.query<{ due: number; oldest_ms: number }>(
    prepared(
      "measure-due-polls",
      sql`SELECT count(*)::int AS due, coalesce(max(late_ms), 0)::float8 AS oldest_ms FROM (
        SELECT extract(epoch FROM now() - s.next_poll_at) * 1000 AS late_ms FROM source_schedules s
        WHERE s.next_poll_at < now() AND (s.leased_until IS NULL OR s.leased_until < now()) AND ${UNHELD}
        ORDER BY s.next_poll_at LIMIT ${limit}) AS late`,
    ),
  );
  return { due: row?.due ?? 0, oldestMs: row?.oldest_ms ?? 0 };
}
