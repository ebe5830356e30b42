import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";

/** Identifies an alert: at most one alert of a key is open. */
export interface AlertKey {
  /** `EVERY_TENANT` for alerts of the installation, which only administrators see. */
  tenantId: string;
  /** A stable name, as `dlq.depth`. */
  kind: string;
  /** The subject among several of the kind, for example a source; "" if there is only one. */
  subject: string;
}

export interface NewAlert extends AlertKey {
  /** One sentence for people, without secrets or payloads. */
  message: string;
  /** The measured value, and the threshold that it passed, for alerts with numbers. */
  value?: number;
  threshold?: number;
  details?: Record<string, unknown>;
}

export interface EndedAlert extends AlertKey {
  /** The measured value when it ended. */
  value?: number;
}

/** The state of the webhook call about a change of an alert. */
export interface AlertNotice {
  change: "opened" | "resolved";
  state: "due" | "delivered" | "untold" | "failed";
  attempts: number;
  last_error: string | null;
}

export interface StoredAlert extends AlertKey {
  id: string;
  message: string;
  value: number | undefined;
  threshold: number | undefined;
  resolvedValue: number | undefined;
  details: Record<string, unknown>;
  openedAt: Date;
  resolvedAt: Date | undefined;
  notices: AlertNotice[];
}

/**
 * Opens the alerts that are not open yet, and queues one notice of each for the log, the metrics and the webhook of
 * the tenant's policy; returns how many. Concurrent callers may open the same alert.
 */
export async function openAlerts(database: Queryable, alerts: readonly NewAlert[]): Promise<number> {
  if (alerts.length === 0) return 0;
  const rows = await database.query(
    prepared(
      "open-alerts",
      sql`WITH opened AS (
        INSERT INTO alerts (tenant_id, kind, subject, message, value, threshold, details)
        SELECT a.tenant_id, a.kind, a.subject, a.message, a.value, a.threshold, a.details::jsonb
        FROM ${alertRows(alerts).from("a")}
        ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, kind, subject) WHERE resolved_at IS NULL DO NOTHING
        RETURNING id, tenant_id
      )
      INSERT INTO alert_notices (alert_id, tenant_id, change) SELECT id, tenant_id, 'opened' FROM opened RETURNING 1`,
    ),
  );
  return rows.length;
}

const alertRows = rowInput<NewAlert>([
  ["tenant_id", "text", (alert) => alert.tenantId],
  ["kind", "text", (alert) => alert.kind],
  ["subject", "text", (alert) => alert.subject],
  ["message", "text", (alert) => alert.message],
  ["value", "float8", (alert) => alert.value],
  ["threshold", "float8", (alert) => alert.threshold],
  ["details", "text", (alert) => JSON.stringify(alert.details ?? {})],
]);

/** Resolves the alerts that are open, and queues one notice of each as `openAlerts` does; returns how many. */
export async function resolveAlerts(database: Queryable, alerts: readonly EndedAlert[]): Promise<number> {
  if (alerts.length === 0) return 0;
  const rows = await database.query(
    prepared(
      "resolve-alerts",
      sql`WITH ended AS (
        SELECT o.id, e.value FROM ${endedRows(alerts).from("e")}
          JOIN alerts o ON o.tenant_id = e.tenant_id AND o.kind = e.kind AND o.subject = e.subject
            AND o.resolved_at IS NULL
        ORDER BY o.tenant_id, o.kind, o.subject FOR UPDATE OF o
      ),
      resolved AS (
        UPDATE alerts a SET resolved_at = now(), resolved_value = e.value
        FROM ended e WHERE a.id = e.id AND a.resolved_at IS NULL
        RETURNING a.id, a.tenant_id
      )
      INSERT INTO alert_notices (alert_id, tenant_id, change) SELECT id, tenant_id, 'resolved' FROM resolved
        RETURNING 1`,
    ),
  );
  return rows.length;
}

const endedRows = rowInput<EndedAlert>([
  ["tenant_id", "text", (alert) => alert.tenantId],
  ["kind", "text", (alert) => alert.kind],
  ["subject", "text", (alert) => alert.subject],
  ["value", "float8", (alert) => alert.value],
]);

/** Reads the keys of the open alerts of some kinds. */
export async function readOpenAlerts(database: Queryable, kinds: readonly string[]): Promise<AlertKey[]> {
  const rows = await database.query<{ tenant_id: string; kind: string; subject: string }>(
    prepared(
      "read-open-alerts",
      sql`SELECT tenant_id, kind, subject FROM alerts WHERE resolved_at IS NULL AND kind = ANY (${kinds})`,
    ),
  );
  return rows.map((row) => ({ tenantId: row.tenant_id, kind: row.kind, subject: row.subject }));
}

/** Counts the open alerts by kind. */
export async function countOpenAlerts(database: Queryable): Promise<{ kind: string; count: number }[]> {
  const rows = await database.query<{ kind: string; count: string }>(
    prepared(
      "count-open-alerts",
      sql`SELECT kind, count(*) AS count FROM alerts WHERE resolved_at IS NULL GROUP BY kind`,
    ),
  );
  return rows.map((row) => ({ kind: row.kind, count: Number(row.count) }));
}

/** Deletes at most `limit` alerts that were resolved more than `keptMs` ago; returns how many. */
export async function deleteOldAlerts(
  database: Queryable,
  { keptMs, limit }: { keptMs: number; limit: number },
): Promise<number> {
  const rows = await database.query(sql`DELETE FROM alerts WHERE id = ANY (ARRAY(
        SELECT id FROM alerts WHERE resolved_at < now() - ${keptMs}::bigint * interval '1 millisecond'
        ORDER BY resolved_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))
      RETURNING 1`);
  return rows.length;
}

export interface AlertFilter {
  /** Undefined: alerts of every tenant and of the installation. */
  tenantId: string | undefined;
  status: "open" | "resolved" | undefined;
  kind: string | undefined;
  subject: string | undefined;
  /** Bounds on the id from the requested times: since is inclusive, until is exclusive. */
  sinceId: string | undefined;
  untilId: string | undefined;
  /** Only ids below this one: where the previous page ended. */
  beforeId: string | undefined;
  limit: number;
}

/** A page of alerts, the newest first. */
export async function listAlerts(database: Queryable, filter: AlertFilter): Promise<StoredAlert[]> {
  const rows =
    await database.query(sql`SELECT a.id, a.tenant_id, a.kind, a.subject, a.message, a.value, a.threshold,
      a.resolved_value, a.details,
        a.opened_at, a.resolved_at, ARRAY(
          SELECT json_build_object('change', n.change, 'state', n.state, 'attempts', n.attempts,
            'last_error', n.last_error)
          FROM alert_notices n WHERE n.alert_id = a.id ORDER BY n.change
        ) AS notices
      FROM alerts a
      WHERE (${filter.tenantId}::text IS NULL OR a.tenant_id = ${filter.tenantId})
        AND (${filter.status}::text IS NULL OR (a.resolved_at IS NULL) = (${filter.status} = 'open'))
        AND (${filter.kind}::text IS NULL OR a.kind = ${filter.kind})
        AND (${filter.subject}::text IS NULL OR a.subject = ${filter.subject})
        AND (${filter.sinceId}::uuid IS NULL OR a.id >= ${filter.sinceId})
        AND (${filter.untilId}::uuid IS NULL OR a.id < ${filter.untilId})
        AND (${filter.beforeId}::uuid IS NULL OR a.id < ${filter.beforeId})
      ORDER BY a.id DESC LIMIT ${filter.limit}`);
  return fromRows<StoredAlert>(rows);
}
