import type { Queryable } from "./database.ts";
import { rowInput } from "./row-input.ts";
import { type Sql, sql } from "./sql.ts";

/** A column of sealed values, and the column with the ids of their keys. */
export interface SealedColumn {
  table: string;
  sealed: string;
  keyId: string;
  /** The primary key, and the types of its columns. */
  primaryKey: Readonly<Record<string, "text" | "uuid">>;
}

/** A sealed value, with the columns of its row that were selected, as text. */
export interface SealedRow {
  row: Record<string, string>;
  sealed: Buffer;
  keyId: string;
}

/** Counts the values that each key has sealed. */
export async function countSealed(
  database: Queryable,
  { table, sealed, keyId }: SealedColumn,
): Promise<{ keyId: string; count: number }[]> {
  const rows = await database.query<{ key_id: string; count: string }>(
    sql`SELECT ${sql.raw(keyId)} AS key_id, count(*) AS count FROM ${sql.raw(table)}
      WHERE ${sql.raw(sealed)} IS NOT NULL GROUP BY 1`,
  );
  return rows.map((row) => ({ keyId: row.key_id, count: Number(row.count) }));
}

/** Lists values that a key other than `keyId` sealed, in the order of the primary key, after the row given. */
export async function listSealedByOthers(
  database: Queryable,
  column: SealedColumn,
  page: { columns: readonly string[]; keyId: string; after: SealedRow | undefined; limit: number },
): Promise<SealedRow[]> {
  const { table, sealed, keyId } = fragmentsOf(column);
  const names = sql.raw(Object.keys(column.primaryKey).join(", "));
  const isBehind =
    page.after === undefined ? sql`true` : sql`(${names}) > (${keyOf(column, page.after.row)})`;
  return await readRows(
    database,
    sql`SELECT ${selected(page.columns)}, ${sealed} AS sealed_value, ${keyId} AS sealing_key
      FROM ${table} WHERE ${sealed} IS NOT NULL AND ${keyId} <> ${page.keyId} AND ${isBehind}
      ORDER BY ${names} LIMIT ${page.limit}`,
  );
}

/** Lists at most `limit` values of each key. */
export async function sampleSealed(
  database: Queryable,
  column: SealedColumn,
  sample: { columns: readonly string[]; keyIds: readonly string[]; limit: number },
): Promise<SealedRow[]> {
  const { table, sealed, keyId } = fragmentsOf(column);
  return await readRows(
    database,
    sql`SELECT s.* FROM unnest(${sample.keyIds}::text[]) AS k (id), LATERAL (
        SELECT ${selected(sample.columns)}, ${sealed} AS sealed_value, ${keyId} AS sealing_key
        FROM ${table} WHERE ${keyId} = k.id AND ${sealed} IS NOT NULL LIMIT ${sample.limit}) AS s`,
  );
}

/** A value to be replaced: its row, and the sealed value before and after. */
interface ReplacedValue {
  row: Record<string, string>;
  before: Buffer;
  after: Buffer;
  keyId: string;
}

/** Replaces sealed values, each only if it has not changed since it was read; returns how many it replaced. */
export async function replaceSealed(
  database: Queryable,
  column: SealedColumn,
  values: readonly ReplacedValue[],
): Promise<number> {
  const { table, sealed, keyId } = fragmentsOf(column);
  const names = Object.keys(column.primaryKey);
  const input = rowInput<ReplacedValue>([
    ["before", "bytea", (value) => value.before],
    ["after", "bytea", (value) => value.after],
    ["key_id", "text", (value) => value.keyId],
    ...names.map((name, index) => [`key${index}`, "text", keyPart(name)] as const),
  ])(values);
  const isRow = names.map((name, index) => `t.${name} = w.key${index}::${column.primaryKey[name]}`);
  const rows = await database.query(
    sql`UPDATE ${table} t SET ${sealed} = w.after, ${keyId} = w.key_id FROM ${input.from("w")}
      WHERE ${sql.raw(isRow.join(" AND "))} AND t.${sealed} = w.before RETURNING 1`,
  );
  return rows.length;
}

function fragmentsOf({ table, sealed, keyId }: SealedColumn): { table: Sql; sealed: Sql; keyId: Sql } {
  return { table: sql.raw(table), sealed: sql.raw(sealed), keyId: sql.raw(keyId) };
}

function keyOf({ primaryKey }: SealedColumn, row: Record<string, string>): Sql {
  const parts = Object.entries(primaryKey).map(([name, type]) => sql`${row[name]}::${sql.raw(type)}`);
  return parts.reduce((all, part) => sql`${all}, ${part}`);
}

function keyPart(name: string): (value: ReplacedValue) => string | undefined {
  return ({ row }) => row[name];
}

function selected(columns: readonly string[]): Sql {
  return sql.raw(columns.map((name) => `${name}::text`).join(", "));
}

async function readRows(database: Queryable, statement: Sql): Promise<SealedRow[]> {
  const rows = await database.query<
    Record<string, string> & { sealed_value: Buffer & string; sealing_key: string }
  >(statement);
  return rows.map(({ sealed_value: sealed, sealing_key: keyId, ...row }) => ({ row, sealed, keyId }));
}
