import type { Schedule } from "../../domain/flow/schedule.ts";
import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";

/** A live deployment whose tick has come. */
export interface DueSchedule {
  tenantId: string;
  flowId: string;
  schedule: Schedule;
  /** The earliest tick without an event, ms since the epoch. */
  tickMs: number;
}

/**
 * Locks the schedules that are due until the transaction ends, the longest due first, at most `limit`; skips those
 * that another transaction holds. `nowMs` is the database's time by which they are due.
 */
export async function claimDueSchedules(
  transaction: Queryable,
  limit: number,
): Promise<{ due: DueSchedule[]; nowMs: number }> {
  const rows = await transaction.query<{
    tenant_id: string;
    flow_id: string;
    schedule: Schedule;
    next_tick_at: Date;
    now: Date;
  }>(sql`SELECT d.tenant_id, d.flow_id, v.definition #> '{trigger,schedule}' AS schedule, d.next_tick_at, now() AS now
      FROM deployments d JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.deployed_until IS NULL AND d.next_tick_at <= now()
      ORDER BY d.next_tick_at LIMIT ${limit} FOR UPDATE OF d SKIP LOCKED`);
  const due = rows.map((row) => ({
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    schedule: row.schedule,
    tickMs: row.next_tick_at.getTime(),
  }));
  return { due, nowMs: rows[0]?.now.getTime() ?? 0 };
}

/** Moves schedules that this transaction has locked to their next ticks; a schedule without a next tick has ended. */
export async function moveSchedules(
  transaction: Queryable,
  schedules: readonly { tenantId: string; flowId: string; nextTickMs: number | undefined }[],
): Promise<void> {
  await transaction.query(sql`UPDATE deployments d SET next_tick_at = to_timestamp(s.next_tick_ms / 1000.0)
      FROM ${movedRows(schedules).from("s")}
      WHERE d.tenant_id = s.tenant_id AND d.flow_id = s.flow_id AND d.deployed_until IS NULL`);
}

const movedRows = rowInput<{ tenantId: string; flowId: string; nextTickMs: number | undefined }>([
  ["tenant_id", "text", (one) => one.tenantId],
  ["flow_id", "text", (one) => one.flowId],
  ["next_tick_ms", "bigint", (one) => one.nextTickMs],
]);

/** Time until the next tick of any schedule, ms, 0 when it is due; undefined when there is none. */
export async function nextTickDueMs(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{ wait_ms: string }>(
    prepared(
      "next-tick-due",
      sql`SELECT ceil(greatest(0, extract(epoch FROM next_tick_at - now()) * 1000))::bigint AS wait_ms
        FROM deployments
      WHERE deployed_until IS NULL AND next_tick_at IS NOT NULL ORDER BY next_tick_at LIMIT 1`,
    ),
  );
  return row === undefined ? undefined : Number(row.wait_ms);
}
