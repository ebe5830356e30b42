import pg from "pg";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import { PARTITIONED_TABLES } from "../schema/partitions.ts";

/** A table that holds a tenant's rows, and the columns of its key. */
export interface TenantTable {
  name: string;
  key: string[];
}

/** The tenant that was deleted first, of those that were deleted longer than `settleMs` ago. */
export async function findTenantToPurge(database: Queryable, settleMs: number): Promise<string | undefined> {
  const [row] = await database.query<{
    id: string;
  }>(sql`SELECT id FROM tenants WHERE deleted_at < now() - ${settleMs}::int * interval '1 millisecond'
      ORDER BY deleted_at LIMIT 1`);
  return row?.id;
}

/**
 * Every table that has a tenant's rows, as the catalogue says, so that none is forgotten; those that refer to others
 * before these. What is partitioned by day is not among them, nor is the audit, which outlives tenants.
 */
export async function tenantTables(database: Queryable): Promise<TenantTable[]> {
  return await database.query<{ name: string; key: string[] }>(sql`WITH RECURSIVE depths AS (
        SELECT c.oid, 0 AS depth FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tenants'::regclass) AND c.relkind = 'r' AND NOT c.relispartition
          AND NOT a.attisdropped
        UNION
        SELECT f.conrelid, d.depth + 1 FROM depths d JOIN pg_constraint f
          ON f.contype = 'f' AND f.confrelid = d.oid AND f.conrelid <> d.oid
      )
      SELECT c.relname::text AS name, ARRAY(
          SELECT a.attname::text FROM pg_constraint k, unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
            JOIN pg_attribute a ON a.attnum = n.attnum AND a.attrelid = c.oid
          WHERE k.conrelid = c.oid AND k.contype = 'p' ORDER BY n.place) AS key
      FROM depths d JOIN pg_class c ON c.oid = d.oid
      WHERE c.relname <> ALL (${PARTITIONED_TABLES}) AND c.relname <> 'audit' AND c.relkind = 'r'
      GROUP BY c.oid, c.relname ORDER BY max(d.depth) DESC, c.relname`);
}

/** Deletes at most `limit` rows of a tenant from a table that `tenantTables` named; answers how many. */
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
 * Deletes the row of a deleted tenant of which no table has anything left, so that its id may be given anew; false if
 * something is left, or the row is gone. One statement sees all tables at one moment: that a copy found nothing to
 * delete says little, since another may have been deleting the same rows.
 */
export async function forgetTenant(
  database: Queryable,
  tenantId: string,
  tables: readonly TenantTable[],
): Promise<boolean> {
  const isEmpty = sql.and(
    [...tables.map((table) => table.name), ...PARTITIONED_TABLES].map(
      (name) =>
        sql`NOT EXISTS (SELECT FROM ${sql.raw(pg.escapeIdentifier(name))} WHERE tenant_id = ${tenantId})`,
    ),
  );
  const rows = await database.query(
    sql`DELETE FROM tenants WHERE id = ${tenantId} AND deleted_at IS NOT NULL AND ${isEmpty} RETURNING 1`,
  );
  return rows.length > 0;
}
