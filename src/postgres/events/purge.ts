import pg from "pg";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import { PARTITIONED_TABLES } from "../schema/partitions.ts";

/** A table with tenants' rows, and the columns of its primary key. */
export interface TenantTable {
  name: string;
  key: string[];
}

/** The tenant that was deleted first, among those deleted more than `settleMs` ago. */
export async function findTenantToPurge(database: Queryable, settleMs: number): Promise<string | undefined> {
  const [row] = await database.query<{
    id: string;
  }>(sql`SELECT id FROM tenants WHERE deleted_at < now() - ${settleMs}::int * interval '1 millisecond'
      ORDER BY deleted_at LIMIT 1`);
  return row?.id;
}

/**
 * Lists every table with tenants' rows from the catalog, so that none is missed, referring tables before the tables
 * they refer to. Tables partitioned by day are excluded, and so is the audit, which outlives tenants.
 */
export async function tenantTables(database: Queryable): Promise<TenantTable[]> {
  return await database.query<{ name: string; key: string[] }>(sql`WITH RECURSIVE depths AS (
        SELECT c.oid, 0 AS depth FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tenants'::regclass)
          AND c.relkind = 'r' AND NOT c.relispartition
          AND NOT a.attisdropped
        UNION
        SELECT f.conrelid, d.depth + 1 FROM depths d JOIN pg_constraint f
          ON f.contype = 'f' AND f.confrelid = d.oid AND f.conrelid <> d.oid
      )
      SELECT c.relname::text AS name, ARRAY(
          SELECT a.attname::text FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY AS n (attnum, position)
            JOIN pg_attribute a ON a.attnum = n.attnum AND a.attrelid = c.oid
          WHERE k.conrelid = c.oid AND k.contype = 'p' ORDER BY n.position) AS key
      FROM depths d JOIN pg_class c ON c.oid = d.oid
      WHERE c.relname <> ALL (${PARTITIONED_TABLES}) AND c.relname <> 'audit' AND c.relkind = 'r'
      GROUP BY c.oid, c.relname ORDER BY max(d.depth) DESC, c.relname`);
}

/** Deletes at most `limit` rows of a tenant from a table of `tenantTables`; returns how many. */
export async function deleteTenantRows(
  database: Queryable,
  { table, tenantId, limit }: { table: TenantTable; tenantId: string; limit: number },
): Promise<number> {
  const name = sql.raw(pg.escapeIdentifier(table.name));
  const key = sql.raw(table.key.map(pg.escapeIdentifier).join(", "));
  const rows = await database.query(sql`DELETE FROM ${name} WHERE (${key}) IN (
      SELECT ${key} FROM ${name} WHERE tenant_id = ${tenantId} LIMIT ${limit}) RETURNING 1`);
  return rows.length;
}

/**
 * Deletes the row of a deleted tenant if no table has rows of it, so that its id can be used again; false if rows are
 * left or the tenant's row is gone. One statement checks all tables in one snapshot: another process may be deleting
 * the same rows, so finding none to delete proves little.
 */
export async function forgetTenant(
  database: Queryable,
  tenantId: string,
  tables: readonly TenantTable[],
): Promise<boolean> {
  const isEmpty = sql.join(
    [...tables.map((table) => table.name), ...PARTITIONED_TABLES].map(
      (name) =>
        sql`NOT EXISTS (SELECT FROM ${sql.raw(pg.escapeIdentifier(name))} WHERE tenant_id = ${tenantId})`,
    ),
    " AND ",
  );
  const rows = await database.query(
    sql`DELETE FROM tenants WHERE id = ${tenantId} AND deleted_at IS NOT NULL AND ${isEmpty} RETURNING 1`,
  );
  return rows.length > 0;
}
