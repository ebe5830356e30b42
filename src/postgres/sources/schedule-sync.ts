import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** A source and how long until it is due, or free of whoever polls it, ms. */
export interface ScheduleEntry extends SourceName {
  waitMs: number;
}

interface EntryRow {
  tenant_id: string;
  source: string;
  wait_ms: number;
}

const WAIT_MS = sql`greatest(0, extract(epoch FROM greatest(s.next_poll_at, s.leased_until) - clock_timestamp()) * 1000)::float8
  AS wait_ms`;

/**
 * Makes the schedules of sources that are new since a value of the sources counter, and makes those that were changed
 * due: at once where the source was, within its old interval where its connector was. At most `limit`; none are left
 * when it answers fewer.
 */
export async function syncSchedules(
  database: Queryable,
  { since, limit }: { since: number; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query<EntryRow>(
    prepared(
      "sync-schedules",
      sql`WITH changed AS (
        SELECT d.tenant_id, d.id, d.connector, d.version || '.' || n.source_version AS version,
          CASE WHEN n.source #>> '{rate_limit,shared}' = 'true' THEN '*' ELSE d.tenant_id END AS limiter
        FROM sources d JOIN connectors n ON n.id = d.connector JOIN tenants t ON t.id = d.tenant_id
          LEFT JOIN source_schedules s ON s.tenant_id = d.tenant_id AND s.source = d.id
        WHERE d.enabled AND n.source IS NOT NULL AND t.deleted_at IS NULL AND (d.version > ${since} OR d.connector IN (
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
  return rows.map(asEntry);
}

/** A page of all schedules that have a next poll, in the order of their names. */
export async function listSchedules(
  database: Queryable,
  { after, limit }: { after: SourceName; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query<EntryRow>(
    prepared(
      "list-schedules",
      sql`SELECT s.tenant_id, s.source, ${WAIT_MS} FROM source_schedules s
      WHERE (s.tenant_id, s.source) > (${after.tenantId}, ${after.source}) AND s.next_poll_at < 'infinity'
      ORDER BY s.tenant_id, s.source LIMIT ${limit}`,
    ),
  );
  return rows.map(asEntry);
}

/** A source that no limit holds back. */
const UNHELD = sql`coalesce(s.not_before, '-infinity') < now() AND NOT EXISTS (SELECT FROM source_limits l
  WHERE l.tenant_id = s.limiter AND l.connector = s.connector AND l.not_before > now())`;

/** Sources that should have been claimed `lateMs` ago, the longest due first: Redis may not know of them. */
export async function listOverdue(
  database: Queryable,
  { lateMs, limit }: { lateMs: number; limit: number },
): Promise<ScheduleEntry[]> {
  const rows = await database.query<EntryRow>(
    prepared(
      "list-overdue-schedules",
      sql`SELECT s.tenant_id, s.source, ${WAIT_MS} FROM source_schedules s
      WHERE s.next_poll_at < now() - ${lateMs} * interval '1 millisecond'
        AND (s.leased_until IS NULL OR s.leased_until < now() - ${lateMs} * interval '1 millisecond')
        AND ${UNHELD}
      ORDER BY s.next_poll_at LIMIT ${limit}`,
    ),
  );
  return rows.map(asEntry);
}

/** What all sources together ask for, as the policy's price needs it. */
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

/** How many sources are due and polled by nobody, counted up to `limit`, and since when the first of them, ms. */
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

function asEntry({ tenant_id, source, wait_ms }: EntryRow): ScheduleEntry {
  return { tenantId: tenant_id, source, waitMs: wait_ms };
}
