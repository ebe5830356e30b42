import { expect, test } from "vitest";
import { fakeSource, page, pages, rows, withBaseline } from "../../../test/support/fake-source.ts";
import { changeDetail } from "./change-detail.ts";
import { schemaDrift, volatileFields } from "./field-drift.ts";
import { changeKey } from "./record-change.ts";

test("a different key order at any depth is no change", () => {
  const one = withBaseline([{ id: 1, a: 1, in: { b: 1, c: [{ d: 1, e: 2 }] } }]);
  expect(one.poll(['{"records":[{"in":{"c":[{"e":2,"d":1}],"b":1},"a":1,"id":1}]}']).events).toEqual([]);
});

test("another spelling of a number is no change, a neighbouring integer beyond 2^53 is", () => {
  const one = fakeSource();
  one.poll(['{"records":[{"id":1,"a":100,"b":9007199254740993}]}']);
  expect(one.poll(['{"records":[{"id":1,"a":1e2,"b":9007199254740993}]}']).events).toEqual([]);
  expect(one.poll(['{"records":[{"id":1,"a":100,"b":9007199254740992}]}']).events).toEqual(["updated 1"]);
});

test("null differs from missing unless null_equals_missing is set", () => {
  expect(withBaseline([{ id: 1, a: null }]).poll([page([{ id: 1 }])]).events).toEqual(["updated 1"]);
  const same = withBaseline([{ id: 1, a: null }], { nullEqualsMissing: true });
  expect(same.poll([page([{ id: 1 }])]).events).toEqual([]);
});

test("reordering sets and keyed arrays is no change", () => {
  const options = { sets: ["/tags"], keyed: { "/items": "sku" } };
  const item = (sku: string, n: number) => ({ sku, n });
  const one = withBaseline([{ id: 1, tags: ["a", "b"], items: [item("x", 1), item("y", 1)] }], options);
  const turned = { id: 1, tags: ["b", "a"], items: [item("y", 1), item("x", 1)] };
  expect(one.poll([page([turned])]).events).toEqual([]);
  expect(one.poll([page([{ ...turned, items: [item("y", 2), item("x", 1)] }])]).events).toEqual([
    "updated 1",
  ]);
});

test("ignored fields are no change, and volatile fields are suggested for the ignore list", () => {
  const one = withBaseline([{ id: 1, updated_at: 1 }], { ignore: ["/updated_at"] });
  expect(one.poll([page([{ id: 1, updated_at: 2 }])]).events).toEqual([]);
  const counts = new Map([
    ["/etag", 99],
    ["/status", 12],
  ]);
  expect(volatileFields(counts, 100)).toEqual(["/etag"]);
  expect(volatileFields(new Map([["/etag", 3]]), 3)).toEqual([]);
});

test("a changed ignore list rehashes 10,000 records without events and then compares them", () => {
  const records = rows(10_000).map((row) => ({ ...row, etag: 1 }));
  const one = withBaseline(records);
  one.withOptions({ ignore: ["/etag"] });
  const again = one.poll(pages([...records.slice(1), { id: -1 }], 100));
  // New records are reported, since keys are made as before.
  expect(again).toMatchObject({ plan: "rehash", events: ["created -1", "deleted 0"] });
  const next = records.slice(1).map((row) => ({ ...row, etag: 2, value: row.id === 5 ? 2 : 1 }));
  expect(one.poll(pages([...next, { id: -1 }], 100)).events).toEqual(["updated 5"]);
});

test("a changed id starts a new baseline", () => {
  const one = withBaseline(rows(50).map((row) => ({ ...row, uid: `u${row.id}` })));
  one.withOptions({ id: "uid" });
  expect(
    one.poll(
      pages(
        rows(50).map((row) => ({ ...row, uid: `u${row.id}` })),
        100,
      ),
    ),
  ).toMatchObject({
    plan: "baseline",
  });
});

test("typed and compound ids do not collide", () => {
  const one = fakeSource({ id: ["a", "b"] });
  one.poll([page([])], { total: 0 });
  const records = [
    { a: "a|b", b: "c" },
    { a: "a", b: "b|c" },
    { a: 0, b: "" },
    { a: "0", b: "" },
    { a: "\u00e9", b: 1 },
    { a: "e\u0301", b: 1 },
  ];
  expect(one.poll([page(records)]).events).toHaveLength(6);
});

test("of duplicates in one snapshot the newer by updated_at counts, otherwise the later, without flapping", () => {
  const one = withBaseline([{ id: 1, v: 1 }]);
  const twice = [page([{ id: 1, v: 1 }]), page([{ id: 1, v: 2 }])];
  expect(one.poll(twice).events).toEqual(["updated 1"]);
  expect(one.poll(twice).events).toEqual([]);
  const dated = withBaseline([{ id: 1, v: 1, updated_at: 5 }]);
  expect(
    dated.poll([page([{ id: 1, v: 1, updated_at: 5 }]), page([{ id: 1, v: 0, updated_at: 4 }])]).events,
  ).toEqual([]);
});

test("a record that is deleted and created again is reported as deleted and restored", () => {
  const one = withBaseline(rows(2));
  expect(one.poll([page(rows(1))]).events).toEqual(["deleted 1"]);
  expect(one.poll([page(rows(1))]).events).toEqual([]);
  expect(one.poll([page(rows(2))]).events).toEqual(["restored 1"]);
  expect(one.poll([page(rows(2))]).events).toEqual([]);
});

test("mode values keeps the values for the payload of a deletion, mode none keeps nothing", () => {
  const detail = changeDetail({ id: "id" }, "values");
  expect(detail.keep({ id: 1, a: 2 })).toEqual({ values: { id: 1, a: 2 } });
  expect(changeDetail({ id: "id" }, "none").keep({ id: 1 })).toBeUndefined();
});

test("a large record is compared as a whole and its diff is truncated", () => {
  const large = (end: string) => ({ id: 1, text: `${"x".repeat(5_000_000)}${end}` });
  const one = withBaseline([large("a")]);
  expect(one.poll([page([large("b")])]).events).toEqual(["updated 1"]);
  const detail = changeDetail({ id: "id" }, "values");
  expect(detail.compare({ values: large("a") }, large("b"))?.changes).toEqual({
    "/text": { truncated: true },
  });
});

test("a field that appears in most records at once is schema drift", () => {
  const appeared = new Map([
    ["/loyalty", 60_000],
    ["/note", 12],
  ]);
  expect(schemaDrift(appeared, 100_000)).toEqual(["/loyalty"]);
});

test("a repeated poll makes the same delivery keys", () => {
  const [from, to] = [Buffer.from("a"), Buffer.from("b")];
  const change = { tenantId: "t", source: "s", recordKey: "1", change: "updated", from, to } as const;
  const key = changeKey({ ...change, generation: 4 });
  expect(changeKey({ ...change, generation: 4 })).toBe(key);
  const others = [
    changeKey({ ...change, generation: 5 }),
    changeKey({ ...change, generation: 4, from: to, to: from }),
    changeKey({ ...change, generation: 4, recordKey: '"1"' }),
    changeKey({ ...change, generation: 4, change: "created", from: undefined }),
  ];
  expect(new Set([key, ...others]).size).toBe(5);
});
