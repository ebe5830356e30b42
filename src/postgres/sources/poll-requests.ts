import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** The result of requesting a poll. */
export type PollRequest =
  /** It is the source's next poll, or the running one. */
  | { kind: "requested"; pollId: string; isRunning: boolean }
  /** The provider asked to wait: no request is sent. */
  | { kind: "held"; pollId: string; waitMs: number }
  | { kind: "disabled" };

/**
 * Requests a poll of an enabled source, whatever its back-off, in the tenant's own transaction; undefined when there
 * is no such source. The source is due once this commits: notify Redis for it to be found at once.
 */
export async function requestPoll(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<PollRequest | undefined> {
  const [row] = await transaction.query<{
    pollable: boolean;
  }>(sql`SELECT d.enabled AND n.source IS NOT NULL AS pollable
      FROM sources d JOIN connectors n ON n.id = d.connector WHERE d.tenant_id = ${tenantId} AND d.id = ${source}`);
  if (row === undefined) return undefined;
  if (!row.pollable) return { kind: "disabled" };
  // A new source may not have a schedule yet; the sync accepts this row as its own.
  await transaction.query(sql`INSERT INTO source_schedules (tenant_id, source, connector, version, limiter)
      SELECT d.tenant_id, d.id, d.connector, d.version || '.' || n.source_version,
        CASE WHEN n.source #>> '{rate_limit,shared}' = 'true' THEN '*' ELSE d.tenant_id END
      FROM sources d JOIN connectors n ON n.id = d.connector WHERE d.tenant_id = ${tenantId} AND d.id = ${source}
      ON CONFLICT DO NOTHING`);
  const [asked] = await transaction.query<{
    poll_id: string;
    is_running: boolean;
    wait_ms: number | null;
  }>(sql`WITH schedule AS (
        SELECT s.*, coalesce(s.leased_until > clock_timestamp(), false) AS is_leased,
          -- Its outcome is stored, and its end is about to be: a request now is for a later poll.
          EXISTS (SELECT FROM polls p WHERE p.tenant_id = s.tenant_id AND p.source = s.source AND p.id = s.poll_id
            AND p.status <> 'running') AS is_over,
          greatest(s.not_before, l.not_before) AS held_until
        FROM source_schedules s
          LEFT JOIN source_limits l ON l.tenant_id = s.limiter AND l.connector = s.connector
        WHERE s.tenant_id = ${tenantId} AND s.source = ${source} FOR UPDATE OF s
      ),
      asked AS (
        UPDATE source_schedules s SET next_poll_at = least(s.next_poll_at, clock_timestamp()),
          requested_poll_id = CASE WHEN k.is_leased AND NOT k.is_over THEN k.poll_id
            ELSE coalesce(nullif(s.requested_poll_id, CASE WHEN k.is_over THEN k.poll_id END), uuid7(clock_us())) END
        FROM schedule k WHERE s.tenant_id = k.tenant_id AND s.source = k.source
          AND (k.is_leased AND NOT k.is_over OR k.held_until IS NULL OR k.held_until <= clock_timestamp())
        RETURNING s.requested_poll_id
      )
      SELECT coalesce(a.requested_poll_id, uuid7(clock_us())) AS poll_id, k.is_leased AND NOT k.is_over AS is_running,
        CASE WHEN a.requested_poll_id IS NULL
          THEN ceil(extract(epoch FROM k.held_until - clock_timestamp()) * 1000)::float8 END AS wait_ms
      FROM schedule k LEFT JOIN asked a ON true`);
  if (asked === undefined) return undefined;
  return asked.wait_ms === null
    ? { kind: "requested", pollId: asked.poll_id, isRunning: asked.is_running }
    : { kind: "held", pollId: asked.poll_id, waitMs: Math.max(1, asked.wait_ms) };
}

/** The schedule of a source as the API shows it. */
export interface ShownSchedule extends SourceName {
  /** Undefined for one that is not polled. */
  nextPollAt: Date | undefined;
  /** Time since the policy's poll has been due, s; 0 while it is not. */
  overdueSeconds: number;
  isRunning: boolean;
  intervalSeconds: number | undefined;
  reasons: string[];
  failures: number;
  lastError: { code: string; message: string } | undefined;
  /** The provider asked to send nothing before this time. */
  heldUntil: Date | undefined;
  /** The rate limit that the provider reported last. */
  quota: { limit: number; remaining: number; resetsAt: Date } | undefined;
}

/** Finds the schedules of some of a tenant's sources; a new source has none yet. */
export async function findSchedules(
  transaction: Queryable,
  tenantId: string,
  sources: readonly string[],
): Promise<ShownSchedule[]> {
  const rows = await transaction.query<{
    source: string;
    next_poll_at: Date | number;
    overdue: number;
    is_running: boolean;
    interval_seconds: number | null;
    reasons: string[];
    failures: number;
    last_error: { code: string; message: string } | null;
    held_until: Date | null;
    quota: number | null;
    remaining: number | null;
    resets_at: Date | null;
  }>(sql`SELECT s.source, s.next_poll_at, s.interval_seconds, s.reasons, s.failures,
        s.last_outcome -> 'error' AS last_error, coalesce(s.leased_until > now(), false) AS is_running,
        CASE WHEN s.next_poll_at < 'infinity' THEN greatest(0, extract(epoch FROM now() - s.due_at))
          ELSE 0 END::float8
          AS overdue,
        nullif(greatest(s.not_before, l.not_before, now()), now()) AS held_until,
        l.quota, l.remaining, l.resets_at
      FROM source_schedules s LEFT JOIN source_limits l ON l.tenant_id = s.limiter AND l.connector = s.connector
      WHERE s.tenant_id = ${tenantId} AND s.source = ANY (${sources}::text[])`);
  return rows.map((row) => ({
    tenantId,
    source: row.source,
    // The driver reads 'infinity' as a number.
    nextPollAt: row.next_poll_at instanceof Date ? row.next_poll_at : undefined,
    overdueSeconds: row.overdue,
    isRunning: row.is_running,
    intervalSeconds: row.interval_seconds ?? undefined,
    reasons: row.reasons,
    failures: row.failures,
    lastError: row.last_error ?? undefined,
    heldUntil: row.held_until ?? undefined,
    quota:
      row.quota === null || row.remaining === null || row.resets_at === null
        ? undefined
        : { limit: row.quota, remaining: row.remaining, resetsAt: row.resets_at },
  }));
}
