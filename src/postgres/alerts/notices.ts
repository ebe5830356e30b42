import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";
import { EVERY_TENANT } from "../dead-letters/policies.ts";

/** A change of an alert to be sent, claimed by this process until its lease ends. */
export interface ClaimedNotice {
  alertId: string;
  change: "opened" | "resolved";
  /** The number of this try, from 1: the fence of `settleNotices`. */
  attempt: number;
  tenantId: string;
  kind: string;
  subject: string;
  message: string;
  value: number | undefined;
  threshold: number | undefined;
  resolvedValue: number | undefined;
  details: Record<string, unknown>;
  openedAt: Date;
  resolvedAt: Date | undefined;
  /** The current URL of the tenant's policy, else of everyone's. */
  webhookUrl: string | undefined;
}

/** How a try ended; `due` waits `waitMs` for the next one. */
export interface SettledNotice {
  alertId: string;
  change: "opened" | "resolved";
  attempt: number;
  state: "due" | "delivered" | "untold" | "failed";
  waitMs: number;
  error: string | undefined;
}

/**
 * Claims at most `limit` due notices for `leaseMs`; the lease of a crashed process expires. A resolution is not sent
 * before the notice of the opening is settled.
 */
export async function claimNotices(
  database: Queryable,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<ClaimedNotice[]> {
  const rows = await database.query(
    prepared(
      "claim-notices",
      sql`WITH due AS (
        SELECT n.alert_id, n.change FROM alert_notices n
        WHERE n.state = 'due' AND n.visible_at <= now() AND (n.change = 'opened' OR NOT EXISTS (
          SELECT FROM alert_notices o WHERE o.alert_id = n.alert_id AND o.change = 'opened' AND o.state = 'due'))
        ORDER BY n.visible_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ),
      claimed AS (
        UPDATE alert_notices n SET attempts = n.attempts + 1,
          visible_at = now() + ${leaseMs}::int * interval '1 millisecond'
        FROM due WHERE n.alert_id = due.alert_id AND n.change = due.change
        RETURNING n.alert_id, n.change, n.attempts AS attempt
      )
      SELECT c.*, a.tenant_id, a.kind, a.subject, a.message, a.value, a.threshold, a.resolved_value, a.details,
        a.opened_at, a.resolved_at,
        coalesce(own.definition, every.definition) -> 'alert' ->> 'webhook_url' AS webhook_url
      FROM claimed c JOIN alerts a ON a.id = c.alert_id
        LEFT JOIN dlq_policies own ON own.tenant_id = a.tenant_id
        LEFT JOIN dlq_policies every ON every.tenant_id = ${sql.literal(EVERY_TENANT)}`,
    ),
  );
  return fromRows<ClaimedNotice>(rows);
}

/** Stores how tries ended; ignores a try whose lease expired and that was claimed again. */
export async function settleNotices(database: Queryable, notices: readonly SettledNotice[]): Promise<void> {
  if (notices.length === 0) return;
  await database.query(
    prepared(
      "settle-notices",
      sql`UPDATE alert_notices n SET state = s.state, last_error = s.error,
        visible_at = now() + s.wait_ms * interval '1 millisecond',
        settled_at = CASE WHEN s.state = 'due' THEN NULL ELSE now() END
      FROM ${settledRows(notices).from("s")}
      WHERE n.alert_id = s.alert_id AND n.change = s.change AND n.attempts = s.attempt AND n.state = 'due'`,
    ),
  );
}

const settledRows = rowInput<SettledNotice>([
  ["alert_id", "uuid", (notice) => notice.alertId],
  ["change", "text", (notice) => notice.change],
  ["attempt", "int", (notice) => notice.attempt],
  ["state", "text", (notice) => notice.state],
  ["wait_ms", "int", (notice) => notice.waitMs],
  ["error", "text", (notice) => notice.error],
]);
