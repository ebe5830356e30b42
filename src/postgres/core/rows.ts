/**
 * Reads a row's columns as properties: `tenant_id` is `tenantId`, and NULL is undefined. Only names and NULLs change:
 * JSON within a column stays as it is, and a bigint stays the driver's text. Undefined where there is no row.
 */
export function fromRow<Result>(row: object): Result;
export function fromRow<Result>(row: object | undefined): Result | undefined;
export function fromRow<Result>(row: object | undefined): Result | undefined {
  if (row === undefined) return undefined;
  const result: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) result[propertyOf(column)] = value ?? undefined;
  return result as Result;
}

/** Reads each row as `fromRow` does. */
export function fromRows<Result>(rows: readonly object[]): Result[] {
  return rows.map((row) => fromRow<Result>(row));
}

const properties = new Map<string, string>();

function propertyOf(column: string): string {
  let property = properties.get(column);
  if (property === undefined) {
    property = column.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
    properties.set(column, property);
  }
  return property;
}
