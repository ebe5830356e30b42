import type { Queryable } from "../core/database.ts";
import { type Sql, sql } from "../core/sql.ts";
import { ROUTER_LOST } from "./bulk-replay.ts";
import type { ReplayCause } from "./lock.ts";
import { type DlqPolicy, EVERY_TENANT } from "./policies.ts";

export type AutoReplayPolicy = NonNullable<DlqPolicy["auto_replay"]>;

/**
 * Claims the turn to replay by policies for `leaseMs`; false while another process has it or the next turn is not
 * due.
 */
export async function takeAutoTurn(database: Queryable, leaseMs: number): Promise<boolean> {
  const rows =
    await database.query(sql`UPDATE dlq_auto_turn SET visible_at = now() + ${leaseMs}::int * interval '1 millisecond'
      WHERE visible_at <= now() RETURNING 1`);
  return rows.length > 0;
}

/** Ends a turn: the next one, of any process, is due after `waitMs`. */
export async function endAutoTurn(database: Queryable, waitMs: number): Promise<void> {
  await database.query(
    sql`UPDATE dlq_auto_turn SET visible_at = now() + ${waitMs}::int * interval '1 millisecond'`,
  );
}

/**
 * Lists the tenants after `afterTenant`, by id, that have dead letters to replay and a policy that replays them:
 * their own, else everyone's. At most `limit`.
 */
export async function listAutoTenants(
  database: Queryable,
  { afterTenant, limit }: { afterTenant: string; limit: number },
): Promise<{ tenantId: string; policy: AutoReplayPolicy }[]> {
  const rows = await database.query<{
    tenant_id: string;
    policy: AutoReplayPolicy;
  }>(sql`WITH RECURSIVE walk AS (
        SELECT min(tenant_id) AS tenant_id FROM dead_letters
        WHERE status = 'pending' AND replay_run_id IS NULL AND tenant_id > ${afterTenant}
          AND EXISTS (SELECT FROM dlq_policies WHERE definition #>> '{auto_replay,enabled}' = 'true')
        UNION ALL
        SELECT (SELECT min(d.tenant_id) FROM dead_letters d
          WHERE d.status = 'pending' AND d.replay_run_id IS NULL AND d.tenant_id > w.tenant_id)
        FROM walk w WHERE w.tenant_id IS NOT NULL
      )
      SELECT w.tenant_id, p.definition -> 'auto_replay' AS policy
      FROM walk w JOIN tenants t ON t.id = w.tenant_id AND t.deleted_at IS NULL
        LEFT JOIN dlq_policies own ON own.tenant_id = w.tenant_id
        JOIN dlq_policies p ON p.tenant_id = coalesce(own.tenant_id, ${sql.literal(EVERY_TENANT)})
      WHERE p.definition #>> '{auto_replay,enabled}' = 'true'
      LIMIT ${limit}`);
  return rows.map((row) => ({ tenantId: row.tenant_id, policy: row.policy }));
}

/** Counts the unfinished replays of a tenant's dead letters, up to `limit`. */
export async function countInFlight(
  transaction: Queryable,
  tenantId: string,
  limit: number,
): Promise<number> {
  const [row] = await transaction.query<{
    count: string;
  }>(sql`SELECT count(*) AS count FROM (SELECT FROM dead_letters
      WHERE tenant_id = ${tenantId} AND replay_run_id IS NOT NULL LIMIT ${limit}) q`);
  return Number(row?.count);
}

/** Selects the dead letters of a tenant that a policy covers, at most `limit`. */
export interface AutoFilter {
  tenantId: string;
  only: NonNullable<AutoReplayPolicy["only"]>;
  limit: number;
}

const WAITING = sql`d.status = 'pending' AND d.replay_run_id IS NULL`;

function isWanted({ only: { stage, fingerprint, flow } }: AutoFilter): Sql {
  return sql`(${stage}::text IS NULL OR d.stage = ${stage})
  AND (${fingerprint}::text IS NULL OR d.fingerprint = ${fingerprint})
  AND (${flow}::text IS NULL OR d.flow_id = ${flow})`;
}

/**
 * Lists the due dead letters of stage `execute`: those that their policy replayed n times, once `delaysMs[n]` has
 * passed since the last failure. Dead letters with as many replays as delays are never due.
 */
export async function listDueDeadLetters(
  transaction: Queryable,
  filter: AutoFilter,
  delaysMs: readonly number[],
): Promise<string[]> {
  const rows = await transaction.query<{ id: string }>(
    sql`SELECT q.id FROM unnest(${delaysMs}::bigint[]) WITH ORDINALITY AS k (delay_ms, nth), LATERAL (
        SELECT d.id, d.failed_at FROM dead_letters d
        WHERE d.tenant_id = ${filter.tenantId} AND d.auto_replays = k.nth - 1
          AND d.failed_at <= now() - k.delay_ms * interval '1 millisecond'
          AND ${WAITING} AND d.stage = 'execute' AND ${isWanted(filter)}
        ORDER BY d.failed_at LIMIT ${filter.limit}
      ) q ORDER BY q.failed_at LIMIT ${filter.limit}`,
  );
  return rows.map((row) => row.id);
}

/**
 * Lists dead letters that failed before their cause was cleared: their flow was deployed since, or any flow of the
 * tenant if they matched none, or the circuit breaker of their target closed. Each was replayed for this reason fewer
 * than `maxReplays` times.
 */
export async function listClearedDeadLetters(
  transaction: Queryable,
  filter: AutoFilter,
  maxReplays: number,
): Promise<string[]> {
  const rows = await transaction.query<{ id: string }>(
    sql`${clearedByDeploy(filter, maxReplays)} UNION ${clearedByBreaker(filter, maxReplays)} LIMIT ${filter.limit}`,
  );
  return rows.map((one) => one.id);
}

function clearedByDeploy(filter: AutoFilter, maxReplays: number): Sql {
  const { tenantId, limit } = filter;
  return sql`(
    SELECT q.id FROM deployments p, LATERAL (
      SELECT d.id FROM dead_letters d
      WHERE d.tenant_id = p.tenant_id AND d.flow_id = p.flow_id AND d.failed_at < p.deployed_at AND ${WAITING}
        AND d.stage = 'execute' AND d.cleared_replays < ${maxReplays} AND ${isWanted(filter)}
      ORDER BY d.failed_at LIMIT ${limit}
    ) q WHERE p.tenant_id = ${tenantId} AND p.deployed_until IS NULL LIMIT ${limit}
  ) UNION (
    SELECT d.id FROM dead_letters d
    WHERE d.tenant_id = ${tenantId} AND d.flow_id IS NULL AND d.stage = 'route' AND ${WAITING}
      AND d.error_context ->> 'code' IS DISTINCT FROM ${sql.literal(ROUTER_LOST)}
      AND d.failed_at < (SELECT max(deployed_at) FROM deployments WHERE tenant_id = ${tenantId}
        AND deployed_until IS NULL)
      AND d.cleared_replays < ${maxReplays} AND ${isWanted(filter)}
    ORDER BY d.failed_at LIMIT ${limit}
  )`;
}

function clearedByBreaker(filter: AutoFilter, maxReplays: number): Sql {
  const { tenantId, limit } = filter;
  return sql`(
    SELECT q.id FROM circuit_breakers b, LATERAL (
      SELECT d.id FROM dead_letters d
      WHERE d.tenant_id = b.tenant_id AND d.error_context ->> 'target' = b.target AND d.failed_at < b.closed_at
        AND ${WAITING} AND d.stage = 'execute' AND d.cleared_replays < ${maxReplays} AND ${isWanted(filter)}
      ORDER BY d.failed_at LIMIT ${limit}
    ) q WHERE b.tenant_id = ${tenantId} AND b.state = 'closed' AND b.closed_at IS NOT NULL LIMIT ${limit}
  )`;
}

/** Skips locked dead letters that cannot be replayed as they are: counts a replay that failed. */
export async function skipDeadLetters(
  transaction: Queryable,
  ids: readonly string[],
  cause: ReplayCause,
): Promise<void> {
  if (ids.length === 0) return;
  await transaction.query(sql`UPDATE dead_letters SET failed_at = now(),
    auto_replays = auto_replays + (${cause} = 'auto')::int
      WHERE id = ANY (${ids}::uuid[])`);
}
