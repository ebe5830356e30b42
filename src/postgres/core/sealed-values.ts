import type { Queryable } from "./database.ts";
import { sql } from "./sql.ts";

/** A column that holds sealed values, and the one beside it that names their keys. */
export interface SealedColumn {
  table: string;
  sealed: string;
  keyId: string;
  /** The primary key, and the types of its columns. */
  primaryKey: Readonly<Record<string, "text" | "uuid">>;
}

/** A sealed value, with every text and uuid of its row that `columns` named. */
export interface SealedRow {
  row: Record<string, string>;
  sealed: Buffer;
  keyId: string;
}

/** Counts the values that each key sealed. */
export async function countSealed(
  database: Queryable,
  { table, sealed, keyId }: SealedColumn,
): Promise<{ keyId: string; count: number }[]> {
  const rows = await database.query<{ key_id: string; count: string }>(
    sql`SELECT ${keyId} AS key_id, count(*) AS count FROM ${table} WHERE ${sealed} IS NOT NULL GROUP BY 1`,
  );
  return rows.map((row) => ({ keyId: row.key_id, count: Number(row.count) }));
}

/** Lists values that another key than `keyId` sealed, in the order of the primary key, after the row given. */
export async function listSealedByOthers(
  database: Queryable,
  column: SealedColumn,
  page: { columns: readonly string[]; keyId: string; after: SealedRow | undefined; limit: number },
): Promise<SealedRow[]> {
  const names = Object.keys(column.primaryKey);
  const after = page.after?.row;
  const bound = names.map((name, index) => `$${index + 3}::${column.primaryKey[name]}`).join(", ");
  return await readRows(database, {
    text: `SELECT ${selected(page.columns)}, ${column.sealed} AS sealed_value, ${column.keyId} AS sealing_key
      FROM ${column.table} WHERE ${column.sealed} IS NOT NULL AND ${column.keyId} <> $1
        ${after === undefined ? "" : `AND (${names.join(", ")}) > (${bound})`}
      ORDER BY ${names.join(", ")} LIMIT $2`,
    values: [page.keyId, page.limit, ...(after === undefined ? [] : names.map((name) => after[name]))],
  });
}

/** Lists at most `limit` values of each key. */
export async function sampleSealed(
  database: Queryable,
  column: SealedColumn,
  sample: { columns: readonly string[]; keyIds: readonly string[]; limit: number },
): Promise<SealedRow[]> {
  return await readRows(
    database,
    sql`SELECT s.* FROM unnest(${sample.keyIds}::text[]) AS k (id), LATERAL (
        SELECT ${selected(sample.columns)}, ${column.sealed} AS sealed_value, ${column.keyId} AS sealing_key
        FROM ${column.table} WHERE ${column.keyId} = k.id AND ${column.sealed} IS NOT NULL LIMIT ${sample.limit}) AS s`,
  );
}

/** Replaces sealed values, each only where it is still what was read; returns how many it replaced. */
export async function replaceSealed(
  database: Queryable,
  column: SealedColumn,
  values: readonly { row: Record<string, string>; before: Buffer; after: Buffer; keyId: string }[],
): Promise<number> {
  const names = Object.keys(column.primaryKey);
  const arrays = names.map((_, index) => `$${index + 4}::text[]`);
  const matches = names.map((name, index) => `t.${name} = w.key${index}::${column.primaryKey[name]}`);
  const rows = await database.query({
    text: `UPDATE ${column.table} t SET ${column.sealed} = w.after, ${column.keyId} = w.key_id
      FROM unnest($1::bytea[], $2::bytea[], $3::text[], ${arrays.join(", ")})
        AS w (before, after, key_id, ${names.map((_, index) => `key${index}`).join(", ")})
      WHERE ${matches.join(" AND ")} AND t.${column.sealed} = w.before RETURNING 1`,
    values: [
      values.map((value) => value.before),
      values.map((value) => value.after),
      values.map((value) => value.keyId),
      ...names.map((name) => values.map((value) => value.row[name])),
    ],
  });
  return rows.length;
}

function selected(columns: readonly string[]): string {
  return columns.map((name) => `${name}::text`).join(", ");
}

async function readRows(
  database: Queryable,
  statement: { text: string; values: unknown[] },
): Promise<SealedRow[]> {
  const rows = await database.query<
    Record<string, string> & { sealed_value: Buffer & string; sealing_key: string }
  >(statement);
  return rows.map(({ sealed_value: sealed, sealing_key: keyId, ...row }) => ({ row, sealed, keyId }));
}
