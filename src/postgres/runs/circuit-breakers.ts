import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { prepared, type Sql, sql } from "../core/sql.ts";

export const BREAKER_STATES = ["closed", "open", "half_open"] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** When a circuit breaker opens, and for how long. */
export interface BreakerThresholds {
  /** It opens after this many consecutive failures, */
  failures: number;
  /** or this many time-outs among them, because a call that hangs costs far more than one that fails, */
  timeouts: number;
  /** if the first failed call started at least this long ago, ms: short failures are left to the flows' back-off. */
  failingMs: number;
  /** How long it is open at first, and at most, ms: doubles each time that a probe fails in a row. */
  openMs: number;
  maxOpenMs: number;
  /** The longest `Retry-After` that it respects, ms. */
  maxRetryAfterMs: number;
  /** After this time a probing run counts as lost, and another one may probe, ms. */
  probeMs: number;
  /** A target is watched for this time after a failure, ms. */
  watchedMs: number;
}

/** A target that the workers watch. */
export interface WatchedTarget {
  tenantId: string;
  target: string;
  state: BreakerState;
  /** Time until a run may try the target, ms; 0 while the breaker is closed. */
  probeInMs: number;
  /** The remaining time that it is watched, ms. */
  watchedForMs: number;
}

const WATCHED = sql`tenant_id, target, state,
  greatest(0, coalesce(extract(epoch FROM probe_at - now()) * 1000, 0))::float8 AS probe_in_ms`;

/**
 * Loads the targets that failed within `watchedMs` or whose breaker is not closed; at most `limit`, the open ones
 * first.
 */
export async function loadWatchedTargets(
  database: Queryable,
  { watchedMs, limit }: { watchedMs: number; limit: number },
): Promise<WatchedTarget[]> {
  const rows = await database.query(
    prepared(
      "load-watched-targets",
      sql`SELECT * FROM (
        SELECT ${WATCHED}, ${watchedMs}::float8 AS watched_for_ms FROM circuit_breakers WHERE state <> 'closed'
        UNION ALL
        SELECT ${WATCHED}, extract(epoch FROM failed_at - now())::float8 * 1000 + ${watchedMs} FROM circuit_breakers
        WHERE state = 'closed' AND failed_at > now() - ${watchedMs}::float8 * interval '1 millisecond'
      ) q LIMIT ${limit}`,
    ),
  );
  return fromRows<WatchedTarget>(rows);
}

/** The results of the calls to one target, in the order of their ends. */
export interface TargetReport {
  tenantId: string;
  target: string;
  /** Whether any call reached it, and the number of failures and time-outs since the last that did. */
  reached: boolean;
  failures: number;
  timeouts: number;
  /** The duration of the first failed call, ms. */
  tookMs: number;
  lastError: string | undefined;
  /** The longest wait that it requested, ms. */
  retryAfterMs: number;
}

/**
 * Adds up the results of a batch of calls, one report per target, and opens and closes breakers. Changes that every
 * worker has to know raise the counter `breakers` in the same statement. Returns the new states of the targets.
 */
export async function reportTargets(
  database: Queryable,
  reports: readonly TargetReport[],
  thresholds: BreakerThresholds,
): Promise<(WatchedTarget & { hasClosed: boolean; hasOpened: boolean })[]> {
  // Sorted, so that concurrent reports of the same targets never deadlock.
  const sorted = [...reports].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  const rows = await database.query(prepared("report-targets", reportStatement(sorted, thresholds)));
  return fromRows<WatchedTarget & { hasClosed: boolean; hasOpened: boolean }>(rows);
}

// Closed: failures add up, or restart after a call that reached the target. Half open: the probe's result decides.
// Open: calls that were running when it opened change only the wait that the target requests.
function reportStatement(reports: readonly TargetReport[], thresholds: BreakerThresholds): Sql {
  const input = reportRows(
    reports.map((report) => ({
      ...report,
      retryAfterMs: Math.min(report.retryAfterMs, thresholds.maxRetryAfterMs),
    })),
  );
  return sql`
WITH reported AS (
  SELECT r.*, now() + retry_after_ms * interval '1 millisecond' AS not_before
  FROM ${input.from("r")}
),
judged AS (
  SELECT r.*, coalesce(b.state, 'closed') AS was, coalesce(b.opened, 0) AS opened_before,
    CASE WHEN r.reached OR b.target IS NULL THEN r.failed ELSE b.failures + r.failed END AS in_a_row,
    CASE WHEN r.reached OR b.target IS NULL THEN r.timed_out ELSE b.timeouts + r.timed_out END AS timeouts_in_a_row,
    CASE WHEN r.failed = 0 THEN NULL WHEN r.reached OR coalesce(b.failures, 0) = 0
        THEN now() - r.took_ms * interval '1 millisecond' ELSE b.failing_since END AS since,
    b.failed_at IS NOT NULL
      AND b.failed_at > now() - ${thresholds.watchedMs}::float8 * interval '1 millisecond' AS watched
  FROM reported r LEFT JOIN (
    SELECT c.* FROM circuit_breakers c JOIN reported USING (tenant_id, target)
    ORDER BY c.tenant_id, c.target FOR UPDATE OF c
  ) b USING (tenant_id, target)
),
decided AS (
  SELECT *, CASE
      WHEN was = 'open' THEN 'open'
      WHEN was = 'half_open' THEN CASE WHEN failed > 0 THEN 'open' WHEN reached THEN 'closed' ELSE was END
      WHEN (in_a_row >= ${thresholds.failures}::int OR timeouts_in_a_row >= ${thresholds.timeouts}::int)
        AND since <= now() - ${thresholds.failingMs}::float8 * interval '1 millisecond' THEN 'open'
      ELSE 'closed' END AS becomes
  FROM judged
),
written AS (
  INSERT INTO circuit_breakers AS b (tenant_id, target, state, failures, timeouts, failing_since, opened, last_error,
    failed_at, opened_at, probe_at, closed_at)
  SELECT tenant_id, target, becomes, in_a_row, timeouts_in_a_row, since,
    CASE WHEN becomes = 'closed' THEN 0 WHEN was = 'open' THEN opened_before ELSE opened_before + 1 END, error,
    CASE WHEN failed > 0 THEN now() END,
    CASE WHEN becomes = 'open' AND was <> 'open' THEN now() END,
    CASE WHEN becomes = 'open' AND was <> 'open' THEN greatest(not_before, now()
        + least(${thresholds.maxOpenMs}::float8,
          ${thresholds.openMs}::float8 * power(2, least(opened_before, 30))) * interval '1 millisecond')
      WHEN was = 'open' AND failed > 0 THEN not_before END,
    CASE WHEN becomes = 'closed' AND was <> 'closed' THEN now() END
  FROM decided ORDER BY tenant_id, target
  ON CONFLICT (tenant_id, target) DO UPDATE SET state = excluded.state, failures = excluded.failures,
    timeouts = excluded.timeouts, failing_since = excluded.failing_since, opened = excluded.opened,
    last_error = coalesce(excluded.last_error, b.last_error), failed_at = coalesce(excluded.failed_at, b.failed_at),
    opened_at = coalesce(excluded.opened_at, b.opened_at),
    probe_at = CASE WHEN excluded.state = 'closed' THEN NULL
      WHEN excluded.state = 'open' AND b.state <> 'open' THEN excluded.probe_at
      ELSE greatest(excluded.probe_at, b.probe_at) END,
    closed_at = coalesce(excluded.closed_at, b.closed_at),
    noted_at = CASE WHEN excluded.failed_at IS NULL
      OR b.failed_at > now() - ${thresholds.watchedMs}::float8 * interval '1 millisecond'
      THEN b.noted_at ELSE now() END
  RETURNING b.*
),
counted AS (
  UPDATE change_counters SET value = value + 1 WHERE name = 'breakers'
    AND EXISTS (SELECT FROM written WHERE now() IN (opened_at, closed_at, noted_at))
)
SELECT ${WATCHED}, ${thresholds.watchedMs}::float8 AS watched_for_ms,
  closed_at IS NOT DISTINCT FROM now() AS has_closed,
  opened_at IS NOT DISTINCT FROM now() AS has_opened
FROM written`;
}

const reportRows = rowInput<TargetReport>([
  ["tenant_id", "text", (report) => report.tenantId],
  ["target", "text", (report) => report.target],
  ["reached", "boolean", (report) => report.reached],
  ["failed", "int", (report) => report.failures],
  ["error", "text", (report) => report.lastError],
  ["retry_after_ms", "float8", (report) => report.retryAfterMs],
  ["timed_out", "int", (report) => report.timeouts],
  ["took_ms", "float8", (report) => report.tookMs],
]);

/**
 * Claims the probe of a target whose breaker is open and due, for `probeMs`: true for the one caller that gets it.
 * Otherwise returns the current state; undefined when there is none.
 */
export async function takeProbe(
  database: Queryable,
  { tenantId, target }: { tenantId: string; target: string },
  probeMs: number,
): Promise<{ isMine: boolean; known: WatchedTarget | undefined }> {
  const [mine] = await database.query(
    prepared(
      "take-probe",
      sql`UPDATE circuit_breakers SET state = 'half_open',
        probe_at = now() + ${probeMs}::float8 * interval '1 millisecond'
      WHERE tenant_id = ${tenantId} AND target = ${target} AND state <> 'closed' AND probe_at <= now()
      RETURNING ${WATCHED}, ${probeMs}::float8 AS watched_for_ms`,
    ),
  );
  if (mine !== undefined) return { isMine: true, known: fromRow<WatchedTarget>(mine) };
  const [row] = await database.query(
    prepared(
      "find-watched-target",
      sql`SELECT ${WATCHED}, ${probeMs}::float8 AS watched_for_ms FROM circuit_breakers WHERE tenant_id = ${tenantId}
        AND target = ${target}`,
    ),
  );
  return { isMine: false, known: fromRow<WatchedTarget>(row) };
}

/** A circuit breaker as the API shows it. */
export interface StoredBreaker {
  tenantId: string;
  target: string;
  state: BreakerState;
  failures: number;
  lastError: string | undefined;
  failedAt: Date | undefined;
  openedAt: Date | undefined;
  probeAt: Date | undefined;
  closedAt: Date | undefined;
  /** The number of runs that it holds, counted up to `maxHeldRuns`. */
  heldRuns: number;
}

/** Lists a page of a tenant's breakers by target, one for every target that ever failed. */
export async function listBreakers(
  transaction: Queryable,
  page: { tenantId: string; afterTarget: string; limit: number; maxHeldRuns: number },
): Promise<StoredBreaker[]> {
  const rows =
    await transaction.query(sql`SELECT b.tenant_id, b.target, b.state, b.failures, b.last_error, b.failed_at,
      b.opened_at, b.probe_at,
        b.closed_at, (SELECT count(*)::int FROM (SELECT FROM runs r WHERE r.tenant_id = b.tenant_id
        AND r.held_reason = 'circuit_open ' || b.target
        AND r.state = 'queued' LIMIT ${page.maxHeldRuns}) q) AS held_runs
      FROM circuit_breakers b WHERE b.tenant_id = ${page.tenantId} AND b.target > ${page.afterTarget}
        ORDER BY b.target LIMIT ${page.limit}`);
  return fromRows<StoredBreaker>(rows);
}

/** Deletes closed breakers whose last failure is older than `maxAgeMs`, at most `limit`; returns how many. */
export async function deleteOldBreakers(
  database: Queryable,
  { maxAgeMs, limit }: { maxAgeMs: number; limit: number },
): Promise<number> {
  const rows = await database.query(sql`DELETE FROM circuit_breakers WHERE (tenant_id, target) IN (
        SELECT tenant_id, target FROM circuit_breakers
        WHERE state = 'closed' AND failed_at < now() - ${maxAgeMs}::float8 * interval '1 millisecond'
        ORDER BY failed_at LIMIT ${limit})
      RETURNING 1`);
  return rows.length;
}

function keyOf({ tenantId, target }: TargetReport): string {
  return `${tenantId} ${target}`;
}
