import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExactNumber, writeJson } from "../json/exact-number.ts";
import { readJson } from "../json/parse-text.ts";
import type { Condition } from "./ast.ts";
import { compileCondition } from "./compile.ts";
import type { ConditionSubject } from "./field.ts";
import { parseCondition } from "./parse.ts";
import { printCondition } from "./print.ts";
import { readCondition } from "./read.ts";

function holds(condition: unknown, data: unknown, over: Partial<ConditionSubject> = {}): boolean {
  return compileCondition(readCondition(condition))({ data, event: {}, headers: {}, ...over });
}

describe("condition examples", () => {
  test.each([
    ['status eq "completed"', { status: "completed" }, { status: "open" }],
    ['status neq "cancelled"', { status: "open" }, { status: "cancelled" }],
    ["total gt 100", { total: 100.5 }, { total: 100 }],
    ["quantity lt 0", { quantity: -1 }, { quantity: 0 }],
    ['status in ["completed", "shipped"]', { status: "shipped" }, { status: "open" }],
    ['email contains "@company.com"', { email: "a@company.com" }, { email: "a@COMPANY.com" }],
    ["trackingNumber exists", { trackingNumber: "" }, { trackingNumber: null }],
  ])("evaluates the example %s", (text, yes, no) => {
    expect(holds(text, yes)).toBe(true);
    expect(holds(text, no)).toBe(false);
    expect(printCondition(readCondition(text))).toBe(text);
  });
});

describe("condition truth table", () => {
  test.each<[string, unknown, boolean]>([
    ["a eq 100", { a: 100.0 }, true],
    ["a eq 0", { a: -0 }, true],
    ["a eq 100", { a: "100" }, false],
    ['a eq "é"', { a: "e\u0301" }, false],
    ["a eq true", { a: true }, true],
    ["a eq 1", { a: [3, 2, 1] }, true],
    ["a eq 9007199254740991", { a: 2 ** 53 + 2 }, false],
    ["a neq 1", {}, false],
    ["a neq 1", { a: null }, false],
    ["a neq 1", { a: "1" }, true],
    ["a neq 1", { a: [2, 1] }, false],
    ["not a eq 1", {}, true],
    ["a gt 9", { a: "100" }, false],
    ["a gte 9", { a: 9 }, true],
    ["a lte 9", { a: [50, 9] }, true],
    ['a gt "2026-01-01T00:00:00Z"', { a: "2026-01-01T01:00:01+01:00" }, true],
    ['a gt "2026-01-01T00:00:00Z"', { a: "2026-01-01T01:00:00+01:00" }, false],
    ['a gt "2026-01-01T00:00:00Z"', { a: "2027-01-01" }, false],
    ['a nin ["x"]', {}, false],
    ['a nin ["x"]', { a: 1 }, true],
    ['a contains "b"', { a: ["abc"] }, true],
    ['a contains "b"', { a: { b: 1 } }, false],
    ['a startsWith "AB" ignoreCase', { a: "abc" }, true],
    ['a endsWith "bc"', { a: "abc" }, true],
    ["a exists", { a: [] }, true],
    ["a exists", { a: {} }, true],
    ["a exists false", { a: null }, true],
    ["a exists false", { a: 0 }, false],
    ["items.sku eq 2", { items: [{ sku: 1 }, { sku: 2 }] }, true],
    ["items.1.sku eq 2", { items: [{ sku: 1 }, { sku: 2 }] }, true],
    ["items.0.sku eq 2", { items: [{ sku: 1 }, { sku: 2 }] }, false],
    ["a.b\\.c eq 1", { a: { "b.c": 1 } }, true],
    ['["a b"] eq 1', { "a b": 1 }, true],
    ["toString exists", {}, false],
    ["length exists", { a: [1] }, false],
    ["a.length exists", { a: [1] }, false],
    ["a neq 1", { a: [] }, true],
    ['a eq ""', { a: "" }, true],
    ['a contains "b"', { a: null }, false],
    ["a lt 5", { a: null }, false],
    ["a lt 5", {}, false],
    ["a gt 5", { a: true }, false],
    ["a gt 5", JSON.parse('{"a":1e999}'), true],
    ["a eq 9007199254740991", JSON.parse('{"a":9007199254740993}'), false],
    ["a gt 4 and a lt 5", { a: [1, 9] }, true],
    ['a gt "2026-01-01T00:00:00.000001Z"', { a: "2026-01-01T00:00:00.000002Z" }, true],
    ['a gt "2026-01-01T00:00:00Z"', { a: "2026-02-30T00:00:00Z" }, false],
    ['a eq "x"', { a: [[[[[[[["x"]]]]]]]] }, true],
    ['a eq "x"', { a: [[[[[[[[["x"]]]]]]]]] }, false],
    ["a eq 1", { a: [...Array(999).fill(0), 1] }, true],
    ["a eq 1", { a: [...Array(1_000).fill(0), 1] }, false],
  ])("evaluates %s on %j as %s", (text, data, expected) => {
    expect(holds(text, data)).toBe(expected);
  });

  test.each([
    ["a eq 0.1", '{"a":0.1000}', true],
    ["a eq 10.10", '{"a":10.1}', true],
    ["a eq 100", '{"a":1E2}', true],
    ["a eq 100.0", '{"a":100}', true],
    ["a eq 0", '{"a":-0}', true],
    ["a eq 1234567890123456789", '{"a":1234567890123456789}', true],
    ["a eq 1234567890123456789", '{"a":1234567890123456789.0}', true],
    ["a eq 1234567890123456789", '{"a":1234567890123456788}', false],
    ["a eq 1234567890123456789", '{"a":"1234567890123456789"}', false],
    ["a eq 1234567890123456800", '{"a":1234567890123456789}', false],
    ["a neq 9007199254740992", '{"a":9007199254740993}', true],
    ["a neq 9007199254740993", '{"a":9007199254740993}', false],
    ["a gt 9007199254740992", '{"a":9007199254740993}', true],
    ["a gte 9007199254740993", '{"a":9007199254740992}', false],
    ["a lt 0.3", '{"a":0.29999999999999999999}', true],
    ["a lte 12345678901234567.12", '{"a":12345678901234567.89}', false],
    ["a gt 12345678901234567.12 and a lt 12345678901234567.90", '{"a":12345678901234567.89}', true],
    ["a gte 1 and a lt 2", '{"a":1.99999999999999999999}', true],
    ["a gt 1 and a lt 2", '{"a":[1.00, 1.0]}', false],
    ["a gt 1e308", '{"a":1e999999999999}', true],
    ["a lt 1", '{"a":-1e999999999999999999999}', true],
    ["a in [1, 9007199254740993]", '{"a":9007199254740993}', true],
    ["a in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", '{"a":10.0}', true],
    ["a in [1, 2, 3, 4, 5, 6, 7, 8, 9, 9007199254740993]", '{"a":9007199254740992}', false],
    ["a nin [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", '{"a":10.0}', false],
    ["a.b exists", '{"a":1.0}', false],
    ["a exists", '{"a":1.0}', true],
    ['a contains "1"', '{"a":1.0}', false],
    ['a gt "2026-01-01T00:00:00Z"', '{"a":17987616000000.0}', false],
    ["a eq true", '{"a":1.0}', false],
  ])("compares numbers by their decimal values: %s on %s is %s", (text, data, expected) => {
    expect(holds(text, readJson(data))).toBe(expected);
  });

  test("keeps the digits of a large number through text, tree and JSON", () => {
    const text = "a eq 12345678901234567890.5";
    expect(printCondition(readCondition(text))).toBe(text);
    const stored = readJson(writeJson(readCondition(text)));
    expect(printCondition(readCondition(stored))).toBe(text);
    expect(printCondition(readCondition("a in [10.10, 1e2]"))).toBe("a in [10.1, 100]");
  });

  test("evaluates conditions on the envelope, the headers and the field diff", () => {
    expect(holds('$event.type eq "x"', {}, { event: { type: "x" } })).toBe(true);
    expect(holds('$headers.x-topic eq "x"', {}, { headers: { "x-topic": "x" } })).toBe(true);
    const changes = { "/status": { from: "open", to: "paid" }, "/address/city": { from: 1, to: 2 } };
    expect(holds("status changed", {}, { changes })).toBe(true);
    expect(holds("address changed", {}, { changes })).toBe(true);
    expect(holds("total changed", {}, { changes })).toBe(false);
    expect(holds('status changedFrom "open" and status changedTo "paid"', {}, { changes })).toBe(true);
    expect(holds("status changed", {})).toBe(false);
    expect(holds('$changes.status.to eq "paid" and $changes.status.from eq "open"', {}, { changes })).toBe(
      true,
    );
    expect(holds("$changes.address.city.to gt 1 and $changes.status exists", {}, { changes })).toBe(true);
    expect(holds('["$changes", "/status", "to"] eq "paid"', {}, { changes })).toBe(true);
    expect(holds("$changes.total exists or $changes.status.old exists", {}, { changes })).toBe(false);
    expect(holds("$changes.status.to.x exists", {}, {})).toBe(false);
    const whole = { "/address": { from: null, to: { city: "Bern" } } };
    expect(holds('$changes.address.to.city eq "Bern"', {}, { changes: whole })).toBe(true);
    expect(holds("$changes.address.from exists", {}, { changes: whole })).toBe(false);
    expect(printCondition(readCondition("$headers.X-Topic exists"))).toBe("$headers.x-topic exists");
  });
});

describe("parseCondition", () => {
  test("parses operators by precedence and keywords in any case", () => {
    expect(parseCondition("a exists OR NOT b exists and c exists")).toEqual({
      op: "or",
      conditions: [
        { op: "exists", path: "a" },
        {
          op: "and",
          conditions: [
            { op: "not", condition: { op: "exists", path: "b" } },
            { op: "exists", path: "c" },
          ],
        },
      ],
    });
  });

  test.each([
    ["", "Expected a path at character 1, not the end"],
    ["a", "Expected an operator"],
    ["a eq", "Expected a string in double quotes, a number, true or false at character 5, not the end"],
    ["a eq 'x'", "at character 6"],
    ["a eq 1 b", 'Expected "and", "or" or the end at character 8'],
    ["(a exists", 'Expected ")", "and" or "or"'],
    ['a in "x"', 'Expected "[" and a list'],
    ["a eq null", "at character 6"],
    ["(".repeat(5_000), "parentheses that nest at most"],
    ["not ".repeat(5_000), "nest at most"],
    ["x".repeat(40_000), "at most 32768 characters"],
  ])("refuses the condition text %.30s with the offset and the expected syntax", (text, message) => {
    expect(() => parseCondition(text)).toThrow(message);
  });
});

describe("readCondition", () => {
  const leaf = { op: "eq", path: "a", value: 1 };
  test.each<[unknown, string]>([
    [{ op: "and", conditions: [] }, "where.conditions: expected a list of at least one condition"],
    [{ op: "and", conditions: [leaf, { ...leaf, value: null }] }, "where.conditions[1].value"],
    [{ ...leaf, op: "matches" }, "where.op"],
    [{ ...leaf, value: Number.POSITIVE_INFINITY }, "a finite number"],
    [{ ...leaf, value: new ExactNumber("9".repeat(65)) }, "where.value: expected a number of at most 64"],
    [{ ...leaf, value: { a: 1 } }, "got a object"],
    [{ ...leaf, path: "a.__proto__" }, "__proto__"],
    [{ ...leaf, path: ["constructor"] }, "constructor"],
    [{ ...leaf, path: "" }, "keys of 1 to 256"],
    [{ ...leaf, extra: 1 }, "where.extra"],
    [{ op: "contains", path: "a", value: "" }, "1 to 256 characters"],
    [{ op: "gt", path: "a", value: "tomorrow" }, "RFC 3339"],
    [{ op: "in", path: "a", value: Array.from({ length: 1_001 }, (_, n) => n) }, "1 to 1000 values"],
    [{ op: "and", conditions: Array.from({ length: 65 }, () => leaf) }, "at most 64 tests"],
    [
      {
        op: "or",
        conditions: [
          { op: "in", path: "a", value: Array.from({ length: 900 }, (_, n) => `value-${n}-of-the-list`) },
        ],
      },
      "at most 16384 bytes",
    ],
    [
      Array.from({ length: 8 }).reduce((inner) => ({ op: "not", condition: inner }), leaf),
      "a depth of at most 8",
    ],
    [{ ...leaf, value: "\0" }, "where.value: expected text without NUL"],
    [{ op: "in", path: "a", value: ["x", "\ud800"] }, "where.value[1]: expected text without NUL"],
    [{ op: "contains", path: "a", value: "\udc00" }, "where.value: expected text without NUL"],
    [{ op: "exists", path: ["a\ud800"] }, "where.path: expected text without NUL"],
    [{ op: "exists", path: "a", value: null }, "where.value: expected true, false or nothing, got null"],
    [{ op: "eq", path: "a" }, "where.value: expected a string, a number or a boolean, got nothing"],
    [
      { op: "eq", path: "a", value: [1] },
      "where.value: expected a string, a number or a boolean, got a list",
    ],
    [{ op: "in", path: "a", value: [] }, "where.value: expected 1 to 1000 values, got 0 values"],
    [{ op: "in", path: "a", value: [1, null] }, "where.value[1]: expected a string"],
    [{ op: "contains", path: "a", value: "x".repeat(257) }, "where.value: expected 1 to 256 characters"],
    [
      { op: "or", conditions: [leaf, { op: "and", conditions: [] }] },
      "where.conditions[1].conditions: expected",
    ],
    [
      { op: "not", condition: { ...leaf, op: "like" } },
      "where.condition.op: expected one of and, or, not, eq",
    ],
    [`a in [1, ${"1".repeat(65)}]`, "where.value[1]: expected a number of at most 64 significant digits"],
    ["a eq 1e999", "where.value: expected a number between 1e-400 and 1e400"],
    ["a eq 1e-999999999999", "where.value: expected a number between 1e-400 and 1e400"],
    [42, "where: expected a condition, got a number"],
    [null, "got null"],
  ])("refuses the condition tree %j", (value, message) => {
    expect(() => readCondition(value)).toThrow(message);
  });

  test("refuses deeply nested conditions without overflowing the stack", () => {
    const nested = (inner: unknown, wrap: (inner: unknown) => unknown) =>
      Array.from({ length: 40_000 }).reduce((value) => wrap(value), inner);
    const negations = nested(leaf, (condition) => ({ op: "not", condition }));
    expect(() => readCondition(negations)).toThrow("a depth of at most 8");
    const lists = nested(1, (value) => [value]);
    expect(() => readCondition({ ...leaf, value: lists })).toThrow("where.value: expected a string");
  });

  test("returns the canonical form of a condition", () => {
    const tree = { op: "and", conditions: [{ op: "exists", path: ["a", "b"], value: true }] };
    expect(readCondition(tree)).toEqual({ op: "exists", path: "a.b" });
  });

  test("throws only invalid_condition for any input", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.jsonValue()), (value) => {
        try {
          readCondition(value);
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid_condition" });
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

const key = fc.oneof(
  fc.constantFrom("a", "b", "order", "in", "0", "a.b", "a b", "é", "x\\"),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const scalar = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.integer(),
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
  fc.boolean(),
);
const leafOf = fc
  .tuple(
    fc.array(key, { minLength: 1, maxLength: 3 }),
    scalar,
    fc.constantFrom("eq", "neq", "changedFrom", "changedTo"),
  )
  .map(([path, value, op]): unknown => ({ op, path, value }));
const otherLeaf = fc.oneof(
  leafOf,
  fc.record({
    op: fc.constantFrom("in", "nin"),
    path: fc.array(key, { minLength: 1, maxLength: 2 }),
    value: fc.array(scalar, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    op: fc.constantFrom("contains", "startsWith", "endsWith"),
    path: fc.constant("a"),
    value: fc.string({ minLength: 1, maxLength: 4 }),
    ignoreCase: fc.boolean(),
  }),
  fc.record({
    op: fc.constant("exists"),
    path: fc.array(key, { minLength: 1, maxLength: 2 }),
    value: fc.boolean(),
  }),
  fc.record({ op: fc.constantFrom("gt", "gte", "lt", "lte"), path: fc.constant("b"), value: fc.integer() }),
  fc.record({ op: fc.constant("changed"), path: fc.constant(["a"]) }),
);
const { tree } = fc.letrec<{ tree: unknown; group: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 5, depthSize: "small" }, otherLeaf, tie("group")),
  group: fc.oneof(
    fc.record({
      op: fc.constantFrom("and", "or"),
      conditions: fc.array(tie("tree"), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ op: fc.constant("not"), condition: tie("tree") }),
  ),
}));

function readable(value: unknown): Condition | undefined {
  try {
    return readCondition(value);
  } catch {
    return undefined;
  }
}

describe("printCondition", () => {
  test("prints conditions that parse back to the same tree", () => {
    let compared = 0;
    fc.assert(
      fc.property(tree, (value) => {
        const condition = readable(value);
        if (condition === undefined) return;
        compared += 1;
        expect(readCondition(printCondition(condition))).toEqual(condition);
        expect(parseCondition(printCondition(condition))).toEqual(condition);
      }),
      { numRuns: 20_000 },
    );
    expect(compared).toBeGreaterThan(15_000);
  });
});

describe("compileCondition", () => {
  test("evaluates any condition without throwing, and not as its negation", () => {
    fc.assert(
      fc.property(tree, fc.jsonValue(), (value, data) => {
        const condition = readable(value);
        if (condition === undefined) return;
        const subject = { data, event: {}, headers: {} };
        const result = compileCondition(condition)(subject);
        expect(compileCondition({ op: "not", condition })(subject)).toBe(!result);
      }),
      { numRuns: 10_000 },
    );
  });
});
