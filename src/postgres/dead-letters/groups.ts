import type { Queryable } from "../core/database.ts";
import { type Sql, sql } from "../core/sql.ts";
import type { DeadLetterFilter, DeadLetterStage } from "./dead-letters.ts";

/** Dead letters with one fingerprint. */
export interface DeadLetterGroup {
  fingerprint: string;
  count: number;
  /** The number of pending ones. */
  pending: number;
  /** The number of tenants that have some. */
  tenants: number;
  firstSeen: Date;
  lastSeen: Date;
  /** The newest of them. */
  newest: {
    id: string;
    tenantId: string;
    stage: DeadLetterStage;
    flowId: string | undefined;
    connector: string;
    errorMessage: string;
  };
}

export interface GroupFilter
  extends Pick<
    DeadLetterFilter,
    "tenantId" | "flowId" | "connector" | "stage" | "status" | "fingerprint" | "limit"
  > {
  since: Date | undefined;
  until: Date | undefined;
  /** Where the previous page ended. */
  before: { lastSeen: Date; fingerprint: string } | undefined;
}

/**
 * Lists a page of the groups of dead letters, those with the newest dead letter first. Counts in one index, without
 * the rows.
 */
export async function listDeadLetterGroups(
  database: Queryable,
  filter: GroupFilter,
): Promise<DeadLetterGroup[]> {
  const rows = await database.query<{
    fingerprint: string;
    count: string;
    pending: string;
    tenants: string;
    first_seen: Date;
    last_seen: Date;
    id: string;
    tenant_id: string;
    stage: DeadLetterStage;
    flow_id: string | null;
    connector: string;
    error_message: string;
  }>(sql`WITH of_tenants AS (
        SELECT d.tenant_id, d.fingerprint, count(*) AS count, count(*) FILTER (WHERE d.status = 'pending') AS pending,
          min(d.created_at) AS first_seen, max(d.created_at) AS last_seen
        FROM dead_letters d WHERE ${isFound(filter)}
        GROUP BY d.tenant_id, d.fingerprint
      ),
      groups AS (
        SELECT fingerprint, sum(count) AS count, sum(pending) AS pending, count(*) AS tenants,
          min(first_seen) AS first_seen, date_trunc('milliseconds', max(last_seen)) AS last_seen,
          (array_agg(tenant_id ORDER BY last_seen DESC))[1] AS newest_tenant
        FROM of_tenants GROUP BY fingerprint
      )
      SELECT g.fingerprint, g.count, g.pending, g.tenants, g.first_seen, g.last_seen, newest.*
      FROM (
        SELECT * FROM groups
        WHERE ${filter.before?.lastSeen}::timestamptz IS NULL
          OR (last_seen, fingerprint) < (${filter.before?.lastSeen}, ${filter.before?.fingerprint}::text)
        ORDER BY last_seen DESC, fingerprint DESC LIMIT ${filter.limit}
      ) AS g CROSS JOIN LATERAL (
        SELECT d.id, d.tenant_id, d.stage, d.flow_id, d.connector, d.error_message FROM dead_letters d
        WHERE d.tenant_id = g.newest_tenant AND d.fingerprint = g.fingerprint AND ${isFound(filter)}
        ORDER BY d.created_at DESC LIMIT 1
      ) AS newest
      ORDER BY g.last_seen DESC, g.fingerprint DESC`);
  return rows.map((row) => ({
    fingerprint: row.fingerprint,
    count: Number(row.count),
    pending: Number(row.pending),
    tenants: Number(row.tenants),
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    newest: {
      id: row.id,
      tenantId: row.tenant_id,
      stage: row.stage,
      flowId: row.flow_id ?? undefined,
      connector: row.connector,
      errorMessage: row.error_message,
    },
  }));
}

function isFound(filter: GroupFilter): Sql {
  const { tenantId, flowId, connector, stage, status, since, until, fingerprint } = filter;
  return sql`(${tenantId}::text IS NULL OR d.tenant_id = ${tenantId})
  AND (${flowId}::text IS NULL OR d.flow_id = ${flowId})
  AND (${connector}::text IS NULL OR d.connector = ${connector})
  AND (${stage}::text IS NULL OR d.stage = ${stage}) AND (${status}::text IS NULL OR d.status = ${status})
  AND (${since}::timestamptz IS NULL OR d.created_at >= ${since})
  AND (${until}::timestamptz IS NULL OR d.created_at < ${until})
  AND (${fingerprint}::text IS NULL OR d.fingerprint = ${fingerprint})`;
}
