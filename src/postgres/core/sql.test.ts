import { describe, expect, test } from "vitest";
import { preparedInShape, rowInput } from "./row-input.ts";
import { Parameter, prepared, sql } from "./sql.ts";

function sent({ text, values }: { text: string; values?: unknown[] }) {
  return { text, values };
}

describe("sql", () => {
  test("sql numbers the values of a template in the order of the text", () => {
    expect(sent(sql`SELECT ${"a"}::text, ${undefined}::int WHERE ${1} = 1`)).toEqual({
      text: "SELECT $1::text, $2::int WHERE $3 = 1",
      values: ["a", undefined, 1],
    });
    expect(sent(sql`SELECT 1`)).toEqual({ text: "SELECT 1", values: [] });
  });

  test("sql inserts nested statements with their values, and raw text without", () => {
    const condition = sql`tenant_id = ${"acme"} AND lane = ${2}`;
    const statement = sql`SELECT ${sql.raw("id, lane")} FROM runs WHERE ${condition} LIMIT ${10}`;
    expect(sent(statement)).toEqual({
      text: "SELECT id, lane FROM runs WHERE tenant_id = $1 AND lane = $2 LIMIT $3",
      values: ["acme", 2, 10],
    });
  });

  test("sql.literal quotes a constant", () => {
    expect(sql`SELECT ${sql.literal("it's")}`.text).toBe("SELECT 'it''s'");
  });

  test("sql.join joins parts and values", () => {
    expect(sent(sql`WHERE ${sql.join([sql`a = ${1}`, sql`b`, 2], " AND ")}`)).toEqual({
      text: "WHERE a = $1 AND b AND $2",
      values: [1, 2],
    });
  });

  test("sql.row inserts columns and values, and sql.assignments updates them", () => {
    const row = { id: "a", at: sql`now() + ${5}::int`, name: undefined };
    expect(sent(sql`INSERT INTO t ${sql.row(row)}`)).toEqual({
      text: "INSERT INTO t (id, at, name) VALUES ($1, now() + $2::int, $3)",
      values: ["a", 5, undefined],
    });
    expect(sent(sql`UPDATE t SET ${sql.assignments(row)}`)).toEqual({
      text: "UPDATE t SET id = $1, at = now() + $2::int, name = $3",
      values: ["a", 5, undefined],
    });
  });

  test("sql sends a shared parameter once", () => {
    const ids = new Parameter(["1"]);
    const nested = sql`id = ANY (${ids}) AND ${ids} <> ${0}`;
    expect(sent(sql`SELECT ${"x"}, ${ids} WHERE ${nested} AND ${nested} AND n = ${3}`)).toEqual({
      text: "SELECT $1, $2 WHERE id = ANY ($2) AND $2 <> $3 AND id = ANY ($2) AND $2 <> $4 AND n = $5",
      values: ["x", ["1"], 0, 0, 3],
    });
  });

  test("sql distinguishes the texts of one call site by their parts and shared parameters", () => {
    const make = (left: unknown, right: unknown) => sql`SELECT ${left}, ${right}`;
    const shared = new Parameter(1);
    expect(make(shared, shared).text).toBe("SELECT $1, $1");
    expect(make(new Parameter(1), new Parameter(1)).text).toBe("SELECT $1, $2");
    expect(make(sql`a`, 1).text).toBe("SELECT a, $1");
    expect(make(1, sql`b`).text).toBe("SELECT $1, b");
    expect(make(shared, shared).text).toBe("SELECT $1, $1");
  });

  test("sql caches the text of a call site", () => {
    const make = (n: number) => sql`SELECT ${sql`max(${n})`} FROM ${sql.raw("runs")}`;
    expect(make(1).template).toBe(make(2).template);
  });

  test("sql renders call sites with many different parts", () => {
    for (let n = 0; n < 40; n += 1)
      expect(sql`SELECT ${sql.raw(`c${n}`)}, ${n}`.text).toBe(`SELECT c${n}, $1`);
  });
});

describe("prepared", () => {
  test("prepared names a statement", () => {
    const make = (n: number) => prepared("sql-test-a", sql`SELECT ${n}::int`);
    expect([make(1), make(2)]).toEqual([
      { name: "sql-test-a", text: "SELECT $1::int", values: [1] },
      { name: "sql-test-a", text: "SELECT $1::int", values: [2] },
    ]);
  });

  test("prepared refuses a second text under the same name", () => {
    prepared("sql-test-b", sql`SELECT 1`);
    expect(() => prepared("sql-test-b", sql`SELECT 2`)).toThrow(/sql-test-b has two texts/);
  });
});

describe("rowInput", () => {
  const input = rowInput<{ id: string; at?: number }>([
    ["id", "uuid", (row) => row.id],
    ["at", "int", (row) => row.at],
  ]);

  test("rowInput sends many rows as one array per column", () => {
    const rows = input([{ id: "a", at: 1 }, { id: "b" }]);
    expect(sent(sql`SELECT ${0} FROM ${rows.from("r")} WHERE id ${rows.among("id")}`)).toEqual({
      text: "SELECT $1 FROM unnest($2::uuid[], $3::int[]) AS r (id, at) WHERE id = ANY ($2::uuid[])",
      values: [0, '{"a","b"}', "{1,NULL}"],
    });
  });

  test("rowInput sends one row as values", () => {
    const rows = input([{ id: "a", at: 1 }], "one");
    expect(sent(sql`SELECT FROM ${rows.from("r")} WHERE id ${rows.among("id")}`)).toEqual({
      text: "SELECT FROM (VALUES ($1::uuid, $2::int)) AS r (id, at) WHERE id = $1::uuid",
      values: ["a", 1],
    });
  });

  test("rowInput counts the rows if an ordinality is named", () => {
    expect(sql`SELECT FROM ${input([], "many").from("r", "n")}`.text).toBe(
      "SELECT FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS r (id, at, n)",
    );
    expect(sql`SELECT FROM ${input([{ id: "a" }], "one").from("r", "n")}`.text).toBe(
      "SELECT FROM (VALUES ($1::uuid, $2::int, 1::bigint)) AS r (id, at, n)",
    );
  });

  test("preparedInShape names a statement by its shape", () => {
    const name = (shape: "one" | "many") =>
      preparedInShape("sql-test-c", shape, sql`SELECT FROM ${input([{ id: "a" }], shape).from("r")}`).name;
    expect([name("one"), name("many")]).toEqual(["sql-test-c-one", "sql-test-c"]);
  });
});
