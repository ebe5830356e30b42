import { expect, test } from "vitest";
import { namedRows } from "./named-rows.ts";

test("rows become records with the names of the first row, without empty cells and rows", () => {
  const rows = [
    ["id", " name ", "", "__proto__"],
    [1, "Ada", "note", "p"],
    [],
    ["", ""],
    [2],
    [3, null, "x", ""],
  ];
  const named = namedRows(rows);
  const first = JSON.parse('{"id":1,"name":"Ada","__proto__":"p"}');
  expect(named).toEqual({ kind: "rows", records: [first, { id: 2 }, { id: 3 }] });
});

test("a sheet that has only its first row has no records", () => {
  expect(namedRows([["id"]])).toEqual({ kind: "rows", records: [] });
});

test.each([
  ["no rows", []],
  ["an empty first row", [[], [1]]],
  ["a first row of numbers", [[1, 2], [1]]],
  ["a name that comes twice", [["id", "id"], [1]]],
  ["rows that are objects", [{ id: 1 }]],
  ["a later row that is an object", [["id"], { id: 1 }]],
])("a sheet with %s is unreadable, not empty", (_, rows) => {
  expect(namedRows(rows)).toMatchObject({ kind: "unreadable" });
});
