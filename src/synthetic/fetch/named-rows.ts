/** Rows with the names of their columns, or the reason why they have none. */
export type NamedRows =
  | { kind: "rows"; records: Record<string, unknown>[] }
  | { kind: "unreadable"; reason: string };

/**
 * Makes records of the rows of a sheet. The first row names the columns. Cells without a name, missing cells and rows
 * without a value are left out. A sheet without its first row, or in which two columns have one name, is unreadable: its
 * records would seem to be gone or changed.
 */
export function namedRows(rows: readonly unknown[]): NamedRows {
  const other = rows.findIndex((row) => !Array.isArray(row));
  if (other !== -1) return { kind: "unreadable", reason: `Row ${other + 1} is not an array of cells` };
  const [first = [], ...rest] = rows as unknown[][];
  const names = first.map((name) => (typeof name === "string" ? name.trim() : ""));
  const named = names.filter((name) => name !== "");
  if (named.length === 0) return { kind: "unreadable", reason: "The first row has no names of columns" };
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) {
    return { kind: "unreadable", reason: "The first row has the name of a column twice" };
  }
  const records = rest.filter((row) => row.some(hasValue)).map((row) => recordOf(names, row));
  return { kind: "rows", records };
}

function recordOf(names: readonly string[], row: readonly unknown[]): Record<string, unknown> {
  const cells = names.flatMap((name, index) =>
    name !== "" && hasValue(row[index]) ? [[name, row[index]] as const] : [],
  );
  return Object.fromEntries(cells);
}

function hasValue(cell: unknown): boolean {
  return cell !== undefined && cell !== null && cell !== "";
}
