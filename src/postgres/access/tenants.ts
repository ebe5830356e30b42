import { raiseCounter } from "../core/change-counters.ts";
import type { Queryable } from "../core/database.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { sql } from "../core/sql.ts";

/** The settings of a tenant; undefined is the installation's default, or no limit. */
export interface TenantSettings {
  name: string | undefined;
  /** Its share relative to the other tenants of a lane. */
  weight: number;
  eventsPerSecond: number | undefined;
  maxBacklog: number | undefined;
  retentionDays: number | undefined;
}

export interface StoredTenant extends TenantSettings {
  id: string;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = sql`id, name, weight, events_per_second, max_backlog, retention_days, created_at, updated_at`;

/** Stores a tenant; undefined when a tenant of this id was deleted, whose data may still exist. */
export async function putTenant(
  transaction: Queryable,
  id: string,
  settings: TenantSettings,
): Promise<StoredTenant | undefined> {
  const [row] = await transaction.query(sql`INSERT INTO tenants AS t ${sql.row({
    id,
    name: settings.name,
    weight: settings.weight,
    events_per_second: settings.eventsPerSecond,
    max_backlog: settings.maxBacklog,
    retention_days: settings.retentionDays,
  })}
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, weight = excluded.weight,
        events_per_second = excluded.events_per_second, max_backlog = excluded.max_backlog,
        retention_days = excluded.retention_days, updated_at = now()
        WHERE t.deleted_at IS NULL
      RETURNING ${COLUMNS}`);
  return fromRow<StoredTenant>(row);
}

/** A tenant that was not deleted. */
export async function findTenant(transaction: Queryable, id: string): Promise<StoredTenant | undefined> {
  const [row] = await transaction.query(
    sql`SELECT ${COLUMNS} FROM tenants WHERE id = ${id} AND deleted_at IS NULL`,
  );
  return fromRow<StoredTenant>(row);
}

/** A page of the tenants in the order of their ids. */
export async function listTenants(
  transaction: Queryable,
  page: { afterId: string; limit: number },
): Promise<StoredTenant[]> {
  const rows = await transaction.query(
    sql`SELECT ${COLUMNS} FROM tenants WHERE id > ${page.afterId} AND deleted_at IS NULL
      ORDER BY id LIMIT ${page.limit}`,
  );
  return fromRows<StoredTenant>(rows);
}

/**
 * Marks a tenant as deleted, so that its endpoints take no deliveries and its sources are not polled, and ends its
 * deployments. False when there never was such a tenant; deleting twice is fine.
 */
export async function deleteTenant(transaction: Queryable, id: string): Promise<boolean> {
  const found = await transaction.query(
    sql`UPDATE tenants SET deleted_at = coalesce(deleted_at, now()) WHERE id = ${id} RETURNING 1`,
  );
  if (found.length === 0) return false;
  // Locks the flows' rows before the counter, as every deploy does, so that the two never deadlock.
  await transaction.query(sql`UPDATE flows SET deployed_version = NULL, updated_at = now()
      WHERE tenant_id = ${id} AND deployed_version IS NOT NULL`);
  await raiseCounter(transaction, "receive");
  const counter = await raiseCounter(transaction, "flows");
  await raiseCounter(transaction, "sources");
  await transaction.query(
    sql`UPDATE deployments SET deployed_until = ${counter} WHERE tenant_id = ${id} AND deployed_until IS NULL`,
  );
  return true;
}

/** Deletes at most `limit` of a tenant's events from the outbox, which are then never routed; returns how many. */
export async function dropUnroutedEvents(
  transaction: Queryable,
  tenantId: string,
  limit: number,
): Promise<number> {
  const rows = await transaction.query(sql`DELETE FROM outbox WHERE event_id = ANY (ARRAY(
        SELECT event_id FROM outbox WHERE lane = ANY ('{1,2,3,4}') AND tenant_id = ${tenantId} LIMIT ${limit}))
      RETURNING 1`);
  return rows.length;
}

/** Cancels at most `limit` of a tenant's unfinished runs and returns how many; running ones lose their fence. */
export async function cancelRuns(transaction: Queryable, tenantId: string, limit: number): Promise<number> {
  const rows =
    await transaction.query(sql`UPDATE runs SET state = 'cancelled', fence = fence + 1, finished_at = now()
      WHERE id = ANY (ARRAY(SELECT id FROM runs
          WHERE tenant_id = ${tenantId} AND state IN ('queued', 'running', 'failed') LIMIT ${limit}))
        AND state IN ('queued', 'running', 'failed')
      RETURNING 1`);
  return rows.length;
}
