import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writeJson } from "../../domain/json/exact-number.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import { changeDetail } from "./change-detail.ts";
import { recordDiffer } from "./record-diff.ts";
import type { RecordOptions } from "./record-options.ts";
import { recordReader } from "./record-reader.ts";

const changes = (from: unknown, to: unknown, options: Partial<RecordOptions> = {}) =>
  recordDiffer({ id: "id", ...options })(from, to).changes;

describe("record diff", () => {
  test("a diff has each changed field by its pointer, with both values", () => {
    expect(
      changes(
        { id: 1, status: "open", total: 1, "a/b": { "~": 1 }, gone: null },
        { id: 1, status: "paid", total: 1, "a/b": { "~": 2 }, come: [1] },
      ),
    ).toEqual({
      "/status": { from: "open", to: "paid" },
      "/a~1b/~0": { from: 1, to: 2 },
      "/gone": { from: null },
      "/come": { to: [1] },
    });
  });

  test("a diff finds inherited names, an array in place of an object, and an added constructor", () => {
    expect(changes({}, JSON.parse('{"constructor":1,"__proto__":2}'))).toEqual({
      "/constructor": { to: 1 },
      "/__proto__": { to: 2 },
    });
    expect(changes({ a: [] }, { a: {} })).toEqual({ "/a": { from: [], to: {} } });
    expect(changes([], {})).toEqual({ "": { from: [], to: {} } });
    expect(changes({ a: null }, { a: 0 })).toEqual({ "/a": { from: null, to: 0 } });
  });

  test("a diff has the digits that came, and finds a change in any of them", () => {
    const before = readJson(
      '{"total":12345678901234567.89,"id":1234567890123456789,"rate":0.1000,"same":1.50}',
    );
    const after = readJson('{"total":12345678901234567.12,"id":1234567890123456788,"rate":0.1,"same":1.5}');
    expect(writeJson(changes(before, after))).toBe(
      '{"/total":{"from":12345678901234567.89,"to":12345678901234567.12},' +
        '"/id":{"from":1234567890123456789,"to":1234567890123456788}}',
    );
    expect(changes(before, readJson(writeJson(before)))).toEqual({});
    // Values that were kept before numbers kept their digits.
    expect(changes({ id: "1234567890123456789" }, readJson('{"id":1234567890123456789}'))).toEqual({});
  });

  test("a diff ignores 1.0 for 1, -0 for 0, and key order", () => {
    expect(changes(JSON.parse('{"a":1.0,"b":-0,"c":1e2}'), { c: 100, b: 0, a: 1 })).toEqual({});
  });

  test("a diff compares ordered arrays of equal length by index, others as one value", () => {
    expect(changes({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual({ "/a/1/b": { from: 2, to: 3 } });
    expect(changes({ a: [1, 2, 3] }, { a: [2, 3] })).toEqual({ "/a": { from: [1, 2, 3], to: [2, 3] } });
  });

  test("a diff of a keyed array names the changed element, whatever its index", () => {
    const options = { keyed: { "/items": "sku.id" }, ignore: ["/items/*/etag"] };
    const item = (id: string, qty: number) => ({ sku: { id }, qty, etag: Math.random() });
    const from = { items: [item("a", 1), item("b", 1), item("c", 1)] };
    expect(changes(from, { items: [item("c", 1), item("a", 1), item("b", 1)] }, options)).toEqual({});
    expect(changes(from, { items: [item("c", 1), item("b", 2), item("a", 1)] }, options)).toEqual({
      "/items/b/qty": { from: 1, to: 2 },
    });
    const fewer = { items: from.items.slice(1) };
    expect(changes(from, fewer, options)).toEqual({ "/items/a": { from: from.items[0] } });
    expect(Object.keys(changes(from, { items: [item("a", 1), item("a", 1)] }, options))).toEqual(["/items"]);
  });

  test("a diff of a set has the whole set, only if a member was added or removed", () => {
    const options = { sets: ["/tags"] };
    expect(changes({ tags: ["a", "b"] }, { tags: ["b", "a", "a"] }, options)).toEqual({});
    expect(changes({ tags: ["a"] }, { tags: ["a", "b"] }, options)).toEqual({
      "/tags": { from: ["a"], to: ["a", "b"] },
    });
  });

  test("a diff treats null as missing under null_equals_missing", () => {
    const options = { nullEqualsMissing: true };
    expect(changes({ a: null }, { b: null }, options)).toEqual({});
    expect(changes({ a: null }, { a: 1 }, options)).toEqual({ "/a": { to: 1 } });
  });

  test("a diff is bounded in number and size of changes", () => {
    const bounds = { maxChanges: 3, maxChangeLength: 100, maxTotalLength: 150 };
    const diff = recordDiffer({ id: "id" }, bounds);
    const wide = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`f${index}`, index]));
    expect(Object.keys(diff({}, wide).changes)).toEqual(["/f0", "/f1", "/f2"]);
    expect(diff({}, wide).omitted).toBe(7);
    expect(diff({ a: 1, b: 1 }, { a: "x".repeat(200), b: 2 }).changes).toEqual({
      "/a": { truncated: true },
      "/b": { from: 1, to: 2 },
    });
    const three = diff({}, { a: "x".repeat(80), b: "y".repeat(80), c: 1 }).changes;
    expect(Object.values(three).map((change) => change.truncated)).toEqual([undefined, true, undefined]);
  });
});

const scalar = fc.constantFrom(0, 1, "a", "", null, true);
const shaped = fc.record(
  {
    id: fc.constant(1),
    tags: fc.array(scalar, { maxLength: 3 }),
    items: fc.array(fc.record({ k: fc.constantFrom(1, "1", "b", null), n: scalar, etag: scalar }), {
      maxLength: 3,
    }),
    list: fc.array(fc.oneof(scalar, fc.dictionary(fc.constantFrom("x", "y"), scalar)), { maxLength: 3 }),
    deep: fc.oneof(scalar, fc.dictionary(fc.constantFrom("seen", "p/q", "r"), scalar)),
  },
  { requiredKeys: ["id"] },
);

describe.each([
  {},
  { sets: ["/tags", "/list"], keyed: { "/items": "k" }, ignore: ["/items/*/etag", "/deep/seen"] },
  { nullEqualsMissing: true, ignore: ["/list/0"], keyed: { "/items": "k" } },
] as Partial<RecordOptions>[])("record options %j", (partial) => {
  const options = { id: "id", ...partial };
  const reader = recordReader(options);
  const digest = (record: unknown) => {
    const reading = reader.read(record);
    return reading.kind === "record" ? reading.digest.toString("hex") : "";
  };

  test.each(["values", "fields"] as const)(
    "mode %s finds a change exactly when the digest changes",
    (mode) => {
      const detail = changeDetail(options, mode);
      fc.assert(
        fc.property(shaped, shaped, (from, to) => {
          const diff = detail.compare(detail.keep(from), to);
          expect(Object.keys(diff?.changes ?? {}).length > 0).toBe(digest(from) !== digest(to));
        }),
        { numRuns: 2_000 },
      );
    },
  );
});

describe("kept values of a record", () => {
  const options: RecordOptions = { id: "id", keyed: { "/items": "sku" }, ignore: ["/etag"] };
  const from = { id: 1, etag: 1, a: { b: 1, c: 2 }, tags: [1], items: [{ sku: "x", n: 1 }], none: {} };
  const to = { id: 1, etag: 2, a: { b: 1, c: 3 }, tags: [2], items: [{ sku: "x", n: 2 }], none: { d: 1 } };
  const pointers = ["/a/c", "/tags", "/items/x/n", "/none/d"];

  test("mode none keeps nothing and reports no changes", () => {
    const detail = changeDetail(options, "none");
    expect(detail.keep(from)).toBeUndefined();
    expect(detail.compare(undefined, to)).toBeUndefined();
  });

  test("mode fields reports names without values", () => {
    const detail = changeDetail(options, "fields");
    const kept = detail.keep(from);
    expect(JSON.stringify(kept)).not.toContain('"/etag"');
    expect(JSON.parse(JSON.stringify(kept))).toEqual(kept);
    const diff = detail.compare(kept, to);
    expect(Object.keys(diff?.changes ?? {}).sort()).toEqual([...pointers].sort());
    expect(Object.values(diff?.changes ?? {})).toEqual(pointers.map(() => ({ truncated: true })));
  });

  test("values kept under another mode report as much as both modes allow", () => {
    const [fields, values] = [changeDetail(options, "fields"), changeDetail(options, "values")];
    expect(values.compare(fields.keep(from), to)).toEqual(fields.compare(fields.keep(from), to));
    expect(fields.compare(values.keep(from), to)?.changes["/a/c"]).toEqual({ truncated: true });
    expect(values.compare(values.keep(from), to)?.changes["/a/c"]).toEqual({ from: 2, to: 3 });
  });

  test("a record with too many fields is reported as changed as a whole", () => {
    const detail = changeDetail(options, "fields");
    const wide = (value: number) => ({
      id: 1,
      ...Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`f${index}`, value])),
    });
    expect(detail.compare(detail.keep(wide(1)), wide(2))).toEqual({
      changes: { "": { truncated: true } },
      omitted: 0,
    });
    expect(detail.compare(detail.keep(wide(1)), wide(1))?.changes).toEqual({});
  });
});
