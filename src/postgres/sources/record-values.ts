import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** The stored values of a record, packed; `record` is the first half of the SHA-256 of its key. */
export interface StoredValues {
  record: Buffer;
  content: Buffer;
}

/** Reads the stored values of these records, by hex of `record`; records without any are missing. */
export async function readValues(
  database: Queryable,
  { tenantId, source }: SourceName,
  records: readonly Buffer[],
): Promise<Map<string, Buffer>> {
  if (records.length === 0) return new Map();
  const rows = await database.query<StoredValues>(
    prepared(
      "read-record-values",
      sql`SELECT record, content FROM record_values
      WHERE tenant_id = ${tenantId} AND source = ${source} AND record = ANY (${records}::bytea[])`,
    ),
  );
  return new Map(rows.map((row) => [row.record.toString("hex"), row.content]));
}

/** Stores values, and deletes those of other records. */
export async function writeValues(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  { kept, forgotten }: { kept: readonly StoredValues[]; forgotten: readonly Buffer[] },
): Promise<void> {
  if (kept.length > 0) {
    const contents = Buffer.concat(kept.map(({ content }) => content));
    await transaction.query(
      prepared(
        "write-record-values",
        sql`INSERT INTO record_values (tenant_id, source, record, content)
        SELECT ${tenantId}, ${source}, v.record,
          substring(${contents}::bytea
            FROM (sum(v.size) OVER (ORDER BY v.ordinal) - v.size + 1)::int FOR v.size)
        FROM ${valueRows(kept).from("v", "ordinal")}
        ON CONFLICT (tenant_id, source, record) DO UPDATE SET content = excluded.content`,
      ),
    );
  }
  if (forgotten.length > 0) {
    await transaction.query(
      prepared(
        "forget-record-values",
        sql`DELETE FROM record_values WHERE tenant_id = ${tenantId} AND source = ${source}
          AND record = ANY (${forgotten}::bytea[])`,
      ),
    );
  }
}

const valueRows = rowInput<StoredValues>([
  ["record", "bytea", ({ record }) => record],
  ["size", "int", ({ content }) => content.length],
]);

/** Deletes all values of a source, whose keys are computed differently from now on. */
export async function forgetAllValues(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<void> {
  await transaction.query(
    sql`DELETE FROM record_values WHERE tenant_id = ${tenantId} AND source = ${source}`,
  );
}
