import { expect, test } from "vitest";
import { writeJson } from "../../domain/json/exact-number.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import { finish, SLICE_BYTES, type Slices } from "../../domain/slices.ts";
import { nameOf } from "../records/record-number.ts";
import { readPage } from "./read-page.ts";

const records = Array.from({ length: 20_000 }, (_, id) => ({
  id: id % 2 === 0 ? id : `9007199254740993${id}`,
  nested: { tags: ["a", "\u00fc"], price: id / 7 },
}));
// Every second id is written as a number that JavaScript cannot hold.
const text = JSON.stringify({ orders: records, next: null }).replaceAll(/"(9007199254740993\d+)"/g, "$1");

const ORDERS = { recordsPath: "orders" };

function stepsOf(work: Slices<unknown>): number {
  let steps = 1;
  while (work.next().done !== true) steps += 1;
  return steps;
}

test("a page read in slices has the records that it has when read at once, large integers with all digits", () => {
  expect(text.length).toBeGreaterThan(20 * SLICE_BYTES);
  const page = finish(readPage(Buffer.from(text), ORDERS));
  expect(page.kind === "page" && writeJson(page.body)).toBe(text);
  expect(writeJson(readJson(text))).toBe(text);
  expect(
    page.kind === "page" && page.records.map((record) => nameOf((record as { id: unknown }).id)),
  ).toEqual(records.map(({ id }) => id));
});

test("a slice of a large page is at most some groups of SLICE_BYTES", () => {
  const steps = stepsOf(readPage(Buffer.from(text), ORDERS));
  expect(steps).toBeGreaterThan(Buffer.byteLength(text) / SLICE_BYTES / 2);
});

test.each(["", "{", `${text.slice(0, -1)}x`, `${text}}`, `[${text}`])(
  "a page that is no JSON is unreadable, however long (case %#)",
  (bad) => {
    expect(finish(readPage(Buffer.from(bad), ORDERS))).toEqual({
      kind: "unreadable",
      reason: "The response is not valid JSON",
    });
  },
);

const IN_DATA = { recordsPath: "data.orders", totalPath: "data.total" };

test.each<[string, object]>([
  ['{"orders":null,"total":0}', { recordsPath: "orders", totalPath: "total" }],
  ['{"total":"0"}', { recordsPath: "orders", totalPath: "total" }],
  ['{"data":{"total":0},"errors":[],"error":null}', IN_DATA],
  ['{"page":1}', { recordsPath: "orders", empty: ["missing"] }],
  ['{"data":null}', { recordsPath: "data.orders", empty: ["missing"] }],
  ['{"orders":null}', { recordsPath: "orders", empty: ["null"] }],
  ["null", { recordsPath: "", empty: ["null"] }],
])("a list that is absent as the connector expects has no records: %s", (body, form) => {
  expect(finish(readPage(Buffer.from(body), form as never))).toMatchObject({ kind: "page", records: [] });
});

test.each<[string, object]>([
  ['{"orders":null}', { recordsPath: "orders", totalPath: "total" }],
  ['{"orders":null,"total":3}', { recordsPath: "orders", totalPath: "total" }],
  ['{"orders":{},"total":0}', { recordsPath: "orders", totalPath: "total" }],
  ['{"page":1}', { recordsPath: "orders", empty: ["null"] }],
  ['{"orders":null}', { recordsPath: "orders", empty: ["missing"] }],
  ['{"error":"expired"}', { recordsPath: "orders", empty: ["missing"] }],
  ['{"data":{"orders":null,"total":0},"errors":[{"message":"x"}]}', IN_DATA],
  ['"busy"', { recordsPath: "orders", empty: ["missing", "null"] }],
])("a page without a list that nothing explains is unreadable: %s", (body, form) => {
  expect(finish(readPage(Buffer.from(body), form as never))).toMatchObject({ kind: "unreadable" });
});
