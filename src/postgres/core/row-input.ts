import { numberArray, textArray } from "./array-literal.ts";
import type { Statement } from "./database.ts";
import { Parameter, prepared, Sql, sql, type Template } from "./sql.ts";

/**
 * Whether a statement takes many rows or one. Most calls have one row at low load, and PostgreSQL starts a statement
 * with a row of VALUES in two thirds of the time that it takes for one array per column.
 */
export type Shape = "one" | "many";

type ColumnType =
  | "uuid"
  | "text"
  | "json"
  | "smallint"
  | "int"
  | "bigint"
  | "float8"
  | "boolean"
  | "bytea"
  | "timestamptz";

/** A column of input rows, and how to read its value from a row. */
export type InputColumn<Row> = readonly [
  name: string,
  type: ColumnType,
  value: (row: Row, index: number) => string | number | boolean | Buffer | Date | null | undefined,
];

/** Input rows of a statement; each column is one parameter, however often it is used. */
export interface InputRows {
  /** The rows for FROM under the name `as`; `ordinality` names a last column that counts the rows from 1. */
  from(as: string, ordinality?: string): Sql;
  /** A column's values: an array, or the value of the one row. */
  column(name: string): Sql;
  /** A column's values as an array, whatever the shape. */
  array(name: string): Sql;
  /** The condition that the expression before it is one of the values of a column. */
  among(name: string): Sql;
}

/**
 * Describes the columns of input rows. The result binds the rows of one call; the shape `one` takes exactly one row.
 */
export function rowInput<Row>(
  columns: readonly InputColumn<Row>[],
): (rows: readonly Row[], shape?: Shape) => InputRows {
  const names = columns.map(([name]) => name).join(", ");
  const templates = new Map<string, Template>();
  return (rows, shape = "many") => {
    const parameters: Parameter[] = [];
    const parameterAt = (index: number) => {
      parameters[index] ??= new Parameter(parameterOf(rows, columns[index] as InputColumn<Row>, shape));
      return parameters[index] as Parameter;
    };
    const column = (name: string) => {
      const index = columns.findIndex((one) => one[0] === name);
      const type = columns[index]?.[1];
      if (type === undefined) throw new Error(`The rows have no column ${name}`);
      return sql`${parameterAt(index)}::${sql.raw(shape === "one" ? type : `${type}[]`)}`;
    };
    return {
      from(as, ordinality = "") {
        const key = `${shape} ${as} ${ordinality}`;
        const all = columns.map((_column, index) => parameterAt(index));
        let template = templates.get(key);
        if (template === undefined) {
          template = fromTemplate({ columns, names, shape, as, ordinality });
          templates.set(key, template);
        }
        return new Sql(template, all);
      },
      column,
      array: (name) => (shape === "one" ? sql`ARRAY[${column(name)}]` : column(name)),
      among: (name) => (shape === "one" ? sql`= ${column(name)}` : sql`= ANY (${column(name)})`),
    };
  };
}

/** Names a statement by its shape: each shape has its own text, and a connection prepares each once. */
export function preparedInShape(name: string, shape: Shape, statement: Sql): Statement {
  return prepared(shape === "one" ? `${name}-one` : name, statement);
}

function fromTemplate<Row>(from: {
  columns: readonly InputColumn<Row>[];
  names: string;
  shape: Shape;
  as: string;
  ordinality: string;
}): Template {
  const { columns, names, shape, as, ordinality } = from;
  const isOne = shape === "one";
  const casts = columns.map(([, type]) => `::${type}${isOne ? "" : "[]"}`);
  const counted = ordinality === "" ? "" : `, ${ordinality}`;
  const before = isOne ? "(VALUES (" : "unnest(";
  const count = ordinality === "" ? "" : isOne ? ", 1::bigint" : "";
  const after = isOne ? `${count}))` : `)${ordinality === "" ? "" : " WITH ORDINALITY"}`;
  const pieces = [
    before,
    ...casts.map((cast, index) =>
      index < casts.length - 1 ? `${cast}, ` : `${cast}${after} AS ${as} (${names}${counted})`,
    ),
  ];
  const order = columns.map((_column, index) => index);
  const text = pieces.reduce((all, piece, index) => `${all}$${index}${piece}`);
  return { pieces, order, text };
}

function parameterOf<Row>(rows: readonly Row[], [, type, value]: InputColumn<Row>, shape: Shape): unknown {
  if (shape === "one") return value(rows[0] as Row, 0);
  const values = rows.map(value);
  if (type === "uuid" || type === "text" || type === "json")
    return textArray(values as (string | undefined)[]);
  if (type === "boolean" || type === "bytea" || type === "timestamptz") return values;
  return numberArray(values as (number | undefined)[]);
}
