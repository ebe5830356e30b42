import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { EVERY_TENANT } from "./policies.ts";

/**
 * Erases payload and headers of dead letters that are older than their tenant's policy allows, else everyone's, else
 * `defaultDays`; their rows stay as `expired`. Dead letters in replay stay. Handles at most `limit` dead letters of
 * at most `maxTenants` tenants after `afterTenant`, and skips locked rows. Returns how many, and the tenant after
 * which the next call continues; undefined when no tenant is left.
 */
export async function expireDeadLetters(
  database: Queryable,
  {
    afterTenant,
    maxTenants,
    defaultDays,
    limit,
  }: { afterTenant: string; maxTenants: number; defaultDays: number; limit: number },
): Promise<{ expired: number; nextAfter: string | undefined }> {
  const [row] = await database.query<{ expired: string; last_tenant: string | null; tenants: string }>(
    prepared(
      "expire-dead-letters",
      sql`WITH RECURSIVE walk AS (
        SELECT 1 AS step, (SELECT d.tenant_id FROM dead_letters d
          WHERE d.status <> 'expired' AND d.tenant_id > ${afterTenant} ORDER BY d.tenant_id LIMIT 1) AS tenant_id
        UNION ALL
        SELECT w.step + 1, (SELECT d.tenant_id FROM dead_letters d
          WHERE d.status <> 'expired' AND d.tenant_id > w.tenant_id ORDER BY d.tenant_id LIMIT 1)
        FROM walk w WHERE w.tenant_id IS NOT NULL AND w.step < ${maxTenants}
      ),
      tenants AS MATERIALIZED (
        SELECT w.step, w.tenant_id, coalesce(
          (SELECT (p.definition ->> 'retention_days')::int FROM dlq_policies p WHERE p.tenant_id = w.tenant_id),
          (SELECT (p.definition ->> 'retention_days')::int FROM dlq_policies p
            WHERE p.tenant_id = ${sql.literal(EVERY_TENANT)}),
          ${defaultDays}::int) AS retention_days
        FROM walk w WHERE w.tenant_id IS NOT NULL
      ),
      due AS (
        SELECT o.id FROM tenants t, LATERAL (
          SELECT d.id FROM dead_letters d
          WHERE d.tenant_id = t.tenant_id AND d.status <> 'expired' AND d.replay_run_id IS NULL
            AND d.created_at < now() - t.retention_days * interval '1 day'
          ORDER BY d.created_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
        ) AS o LIMIT ${limit}
      ),
      emptied AS (
        UPDATE dead_letters SET status = 'expired', event_payload = NULL, edited_payload = NULL, headers = '{}',
          expired_at = now(), updated_at = now()
        WHERE id = ANY (ARRAY(SELECT id FROM due))
        RETURNING 1
      )
      SELECT (SELECT count(*) FROM emptied) AS expired, count(*) AS tenants,
        (array_agg(tenant_id ORDER BY step DESC))[1] AS last_tenant
      FROM tenants`,
    ),
  );
  const more = Number(row?.tenants) === maxTenants;
  return { expired: Number(row?.expired), nextAfter: more ? (row?.last_tenant ?? undefined) : undefined };
}

/** Deletes at most `limit` rows that expired more than `keptMs` ago; returns how many. */
export async function deleteExpiredDeadLetters(
  database: Queryable,
  { keptMs, limit }: { keptMs: number; limit: number },
): Promise<number> {
  const rows = await database.query(
    prepared(
      "delete-expired-dead-letters",
      sql`DELETE FROM dead_letters WHERE id = ANY (ARRAY(
        SELECT id FROM dead_letters
        WHERE status = 'expired' AND expired_at < now() - ${keptMs}::bigint * interval '1 millisecond'
        ORDER BY expired_at LIMIT ${limit} FOR UPDATE SKIP LOCKED))
      RETURNING 1`,
    ),
  );
  return rows.length;
}
