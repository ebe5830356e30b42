import { numberArray, textArray } from "./array-literal.ts";

/**
 * Whether a statement is given many rows or one. Most are given one where little happens, and PostgreSQL starts a
 * statement with a row of values in two thirds of the time that it takes for as many arrays as the row has columns.
 */
export type Shape = "one" | "many";

/** A column of the rows that a statement is given, and what a row has there. */
export type InputColumn<Row> = readonly [
  name: string,
  type: "uuid" | "text" | "smallint" | "int" | "bigint",
  value: (row: Row, index: number) => string | number | null | undefined,
];

/** Rows that a statement is given: a parameter a column, the first of them `$first`. */
export interface RowInput<Row> {
  /** What stands in FROM under the name `as`. */
  from(shape: Shape, as: string): string;
  /** The condition that an expression is one of the values of a column. */
  among(shape: Shape, column: string): string;
  /** The parameters in their order; for the shape `one`, of exactly one row. */
  values(rows: readonly Row[], shape: Shape): unknown[];
}

export function rowInput<Row>(first: number, columns: readonly InputColumn<Row>[]): RowInput<Row> {
  const parameter = (index: number, array: "" | "[]") => `$${first + index}::${columns[index]?.[1]}${array}`;
  const parameters = (array: "" | "[]") =>
    columns.map((_column, index) => parameter(index, array)).join(", ");
  const names = columns.map(([name]) => name).join(", ");
  return {
    from: (shape, as) =>
      `${shape === "one" ? `(VALUES (${parameters("")}))` : `unnest(${parameters("[]")})`} AS ${as} (${names})`,
    among(shape, column) {
      const index = columns.findIndex(([name]) => name === column);
      return shape === "one" ? `= ${parameter(index, "")}` : `= ANY (${parameter(index, "[]")})`;
    },
    values: (rows, shape) =>
      columns.map(([, type, valueAt]) => {
        if (shape === "one") return valueAt(rows[0] as Row, 0) ?? null;
        const values = rows.map(valueAt);
        return type === "uuid" || type === "text"
          ? textArray(values as (string | undefined)[])
          : numberArray(values as (number | undefined)[]);
      }),
  };
}

/** A statement in both shapes, each under its own name: a connection prepares it once. */
export function inShapes(
  name: string,
  text: (shape: Shape) => string,
): Record<Shape, { name: string; text: string }> {
  return {
    one: { name: `${name}-one`, text: text("one") },
    many: { name, text: text("many") },
  };
}
