import type { Difference, RowChange } from "../../domain/audit-difference.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";

/** A change, its author, and the call that made it. */
export interface NewAuditEntry {
  tenantId: string | undefined;
  /** The API key, or the command. */
  key: { id: string | undefined; name: string };
  /** Method and path template, or the command. */
  route: string;
  /** The changed object: `flows/orders`. */
  object: string;
  difference: Difference;
  requestId: string | undefined;
}

export interface AuditEntry extends NewAuditEntry {
  id: string;
  at: Date;
}

/** Makes the transaction record the rows that its statements change. */
export async function noteChanges(transaction: Queryable): Promise<void> {
  await transaction.query(sql`SELECT set_config('app.changes', '[]', true)`);
}

/** Returns the recorded changes; undefined for a transaction that wrote nothing. */
export async function readChanges(transaction: Queryable): Promise<RowChange[] | undefined> {
  const [row] = await transaction.query<{
    wrote: boolean;
    changes: string;
  }>(sql`SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS wrote,
      coalesce(nullif(current_setting('app.changes', true), ''), '[]') AS changes`);
  return row?.wrote ? (readJson(row.changes) as RowChange[]) : undefined;
}

export async function insertAuditEntry(transaction: Queryable, entry: NewAuditEntry): Promise<void> {
  await transaction.query(
    sql`INSERT INTO audit ${sql.row({
      tenant_id: entry.tenantId,
      key_id: entry.key.id,
      key_name: entry.key.name,
      route: entry.route,
      object: entry.object,
      difference: writeJson(entry.difference),
      request_id: entry.requestId,
    })}`,
  );
}

/** Lists a page of the audit, newest first, of one tenant or all. `object` also matches the objects below it. */
export async function listAudit(
  transaction: Queryable,
  filter: {
    tenantId: string | undefined;
    /** The id or the name of a key. */
    key: string | undefined;
    object: string | undefined;
    sinceId: string | undefined;
    untilId: string | undefined;
    beforeId: string | undefined;
    limit: number;
  },
): Promise<AuditEntry[]> {
  const rows = await transaction.query<{
    id: string;
    at: Date;
    tenant_id: string | null;
    key_id: string | null;
    key_name: string;
    route: string;
    object: string;
    difference: Difference;
    request_id: string | null;
  }>(sql`SELECT * FROM audit
      WHERE (${filter.tenantId}::text IS NULL OR tenant_id = ${filter.tenantId})
        AND (${filter.key}::text IS NULL OR key_id = ${filter.key} OR key_name = ${filter.key})
        AND (${filter.object}::text IS NULL OR object = ${filter.object}
          OR starts_with(object, ${filter.object}::text || '/'))
        AND (${filter.sinceId}::uuid IS NULL OR id >= ${filter.sinceId})
        AND (${filter.untilId}::uuid IS NULL OR id < ${filter.untilId})
        AND (${filter.beforeId}::uuid IS NULL OR id < ${filter.beforeId})
      ORDER BY id DESC LIMIT ${filter.limit}`);
  return rows.map((row) => ({
    id: row.id,
    at: row.at,
    tenantId: row.tenant_id ?? undefined,
    key: { id: row.key_id ?? undefined, name: row.key_name },
    route: row.route,
    object: row.object,
    difference: row.difference,
    requestId: row.request_id ?? undefined,
  }));
}

/** Deletes at most `limit` entries older than `keptMs`, the oldest first; returns how many. */
export async function deleteOldAudit(
  database: Queryable,
  { keptMs, limit }: { keptMs: number; limit: number },
): Promise<number> {
  const rows = await database.query(sql`DELETE FROM audit WHERE id IN (
      SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT ${limit}) AS oldest
      WHERE at < now() - ${keptMs}::bigint * interval '1 millisecond') RETURNING 1`);
  return rows.length;
}
