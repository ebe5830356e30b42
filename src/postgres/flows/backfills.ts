import type { FlowDefinition } from "../../domain/flow/flow.ts";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import { uuid7Floor } from "../schema/partitions.ts";

export type BackfillState = "running" | "done" | "stopped";

/** The progress of a deploy through the past events that it takes in. */
export interface StoredBackfill {
  tenantId: string;
  flowId: string;
  version: number;
  /** Events accepted at this value of the flows counter, or later, are routed as usual. */
  deployedFrom: number;
  from: Date;
  /** The last event that was read. */
  lastId: string;
  scanned: number;
  matched: number;
  state: BackfillState;
  startedAt: Date;
  finishedAt: Date | undefined;
}

interface BackfillRow {
  tenant_id: string;
  flow_id: string;
  version: number;
  deployed_from: string;
  from_time: Date;
  last_id: string;
  scanned: string;
  matched: string;
  state: BackfillState;
  started_at: Date;
  finished_at: Date | null;
}

/** Starts a backfill in the transaction of the deploy, in place of the flow's last one. */
export async function startBackfill(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string; version: number; deployedFrom: number; fromMs: number },
): Promise<void> {
  await transaction.query(sql`INSERT INTO backfills ${sql.row({
    tenant_id: flow.tenantId,
    flow_id: flow.flowId,
    version: flow.version,
    deployed_from: flow.deployedFrom,
    from_time: new Date(flow.fromMs),
    last_id: uuid7Floor(flow.fromMs),
  })}
      ON CONFLICT (tenant_id, flow_id) DO UPDATE SET version = excluded.version,
        deployed_from = excluded.deployed_from, from_time = excluded.from_time, last_id = excluded.last_id,
        scanned = 0, matched = 0, state = 'running', visible_at = now(), started_at = now(), finished_at = NULL`);
}

/** Stops a flow's running backfill, if there is one. */
export async function stopBackfill(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<void> {
  await transaction.query(sql`UPDATE backfills SET state = 'stopped', finished_at = now()
      WHERE tenant_id = ${flow.tenantId} AND flow_id = ${flow.flowId} AND state = 'running'`);
}

export async function findBackfill(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<StoredBackfill | undefined> {
  const [row] = await transaction.query<BackfillRow>(
    sql`SELECT * FROM backfills WHERE tenant_id = ${flow.tenantId} AND flow_id = ${flow.flowId}`,
  );
  return row === undefined ? undefined : asStoredBackfill(row);
}

/** Locks a backfill that is due until the transaction ends. */
export async function lockDueBackfill(
  transaction: Queryable,
): Promise<(StoredBackfill & { definition: FlowDefinition }) | undefined> {
  const [row] = await transaction.query<
    BackfillRow & { definition: FlowDefinition }
  >(sql`SELECT b.*, v.definition FROM backfills b JOIN flow_versions v USING (tenant_id, flow_id, version)
        JOIN tenants t ON t.id = b.tenant_id AND t.deleted_at IS NULL
      WHERE b.state = 'running' AND b.visible_at <= now()
      ORDER BY b.visible_at LIMIT 1 FOR UPDATE OF b SKIP LOCKED`);
  return row === undefined ? undefined : { ...asStoredBackfill(row), definition: row.definition };
}

/** Stores the progress of a locked backfill; it is due again after `waitMs`, unless it is done. */
export async function moveBackfill(
  transaction: Queryable,
  backfill: StoredBackfill,
  progress: { lastId: string; scanned: number; matched: number; done: boolean; waitMs: number },
): Promise<void> {
  await transaction.query(sql`UPDATE backfills SET last_id = ${progress.lastId},
    scanned = scanned + ${progress.scanned}, matched = matched + ${progress.matched},
        state = CASE WHEN ${progress.done} THEN 'done' ELSE state END, finished_at = CASE WHEN ${progress.done}
          THEN now() END,
        visible_at = now() + ${progress.waitMs} * interval '1 millisecond'
      WHERE tenant_id = ${backfill.tenantId} AND flow_id = ${backfill.flowId}`);
}

function asStoredBackfill(row: BackfillRow): StoredBackfill {
  return {
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    version: row.version,
    deployedFrom: Number(row.deployed_from),
    from: row.from_time,
    lastId: row.last_id,
    scanned: Number(row.scanned),
    matched: Number(row.matched),
    state: row.state,
    startedAt: row.started_at,
    finishedAt: row.finished_at ?? undefined,
  };
}
