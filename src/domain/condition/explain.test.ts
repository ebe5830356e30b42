import { describe, expect, test } from "vitest";
import { explainCondition } from "./explain.ts";
import { readCondition } from "./read.ts";

function explain(condition: string, data: unknown, changes = {}) {
  return explainCondition(readCondition(condition), {
    data,
    event: { type: "order.paid" },
    headers: {},
    changes,
  });
}

describe("explainCondition", () => {
  test("explains a condition that is met", () => {
    expect(explain("a eq 1 and (b exists or c exists)", { a: 1, c: 2 })).toEqual({ matched: true });
  });

  test.each([
    ["the first part of an and that fails", "a eq 1 and b gt 2 and c exists", "b gt 2", [["b", "1"]]],
    ["the part within a part", "a eq 1 and (b exists and not b eq 1)", "not b eq 1", [["b", "1"]]],
    [
      "an or as a whole",
      'x exists or status eq "paid"',
      'x exists or status eq "paid"',
      [
        ["x", null],
        ["status", '"open"'],
      ],
    ],
    ["a value of another type as it is", "text gt 9", "text gt 9", [["text", '"100"']]],
    ["nothing where there is only null", "none eq 1", "none eq 1", [["none", null]]],
    ["a list", "list eq 9", "list eq 9", [["list", "[1,2]"]]],
    ["the elements that a path reaches", "items.sku eq 9", "items.sku eq 9", [["items.sku", '["x","y"]']]],
    ["an empty list", "empty eq 9", "empty eq 9", [["empty", "[]"]]],
    ["the envelope", '$event.type eq "x"', '$event.type eq "x"', [["$event.type", '"order.paid"']]],
    ["a change", "a changedTo 5", "a changedTo 5", [["a", "4"]]],
    ["a path once", "a gt 5 or a lt 0", "a gt 5 or a lt 0", [["a", "1"]]],
  ])("names the failed clause: %s", (_, condition, clause, seen) => {
    const data = {
      a: 1,
      b: 1,
      status: "open",
      text: "100",
      none: null,
      list: [1, 2],
      items: [{ sku: "x" }, { sku: "y" }],
      empty: [],
    };
    const changes = { "/a": { from: 3, to: 4 } };
    expect(explain(condition, data, changes)).toEqual({
      matched: false,
      clause,
      seen: seen.map(([path, value]) => ({ path, value })),
    });
  });

  test("limits the length of explained clauses and values", () => {
    const paths = Array.from(
      { length: 60 },
      (_, at) => `field-of-some-length-${at} eq "a value of some length"`,
    );
    const explained = explain(paths.join(" or "), { "field-of-some-length-0": "x".repeat(10_000) });
    if (explained.matched) throw new Error("matched");
    expect(explained.clause).toHaveLength(1_024);
    expect(explained.seen).toHaveLength(8);
    expect(explained.seen[0]?.value).toHaveLength(256);
  });
});
