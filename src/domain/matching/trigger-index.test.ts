import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Condition } from "../condition/ast.ts";
import { compileCondition } from "../condition/compile.ts";
import { isIndexed } from "../condition/is-indexed.ts";
import { parseCondition } from "../condition/parse.ts";
import { ExactNumber, numberOf } from "../json/exact-number.ts";
import { accessPathOf } from "./access-path.ts";
import { Fields } from "./fields.ts";
import { planOf } from "./plan.ts";
import {
  createTriggerIndex,
  type IndexedTrigger,
  type MatchableEvent,
  type TriggerIndex,
} from "./trigger-index.ts";

/** A small vocabulary, so that random events often meet random conditions. */
const word = fc.constantFrom("", "a", "ab", "abc", "abcdefgh", "xabcdefghij", "ABCDEFGHI", "Bc", "100");
/** Numbers of conditions, two of which no JavaScript number has. */
const number = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(-1, 0, 0.5, 1, 2, 3, 5, 100, 2 ** 53 - 1) },
  { weight: 1, arbitrary: fc.constantFrom("9007199254740993", "0.50000000000000000001").map(numberOf) },
);
const exactNumber = fc
  .constantFrom(
    "0.50",
    "1.0",
    "1E2",
    "9007199254740993.0",
    "9007199254740992",
    "0.50000000000000000001",
    "1e999",
    "-1e999",
  )
  .map((text) => new ExactNumber(text));
const time = fc.constantFrom(
  "2026-01-01T00:00:00Z",
  "2026-01-01T01:00:00+01:00",
  "2026-06-01T00:00:00.000001Z",
);
const needle = word.filter((one) => one !== "");
const scalar = fc.oneof(word, number, fc.boolean());
const path = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom("a", "list") },
  {
    weight: 1,
    arbitrary: fc.constantFrom<string | string[]>(
      "b",
      "list.a",
      "list.0",
      ["deep", "a"],
      "$event.type",
      "$headers.a",
    ),
  },
);

const equality = fc.oneof(
  fc.record({ op: fc.constantFrom("eq", "neq"), path, value: scalar }),
  fc.record({
    op: fc.constantFrom("in", "nin"),
    path,
    value: fc.array(scalar, { minLength: 1, maxLength: 12 }),
  }),
);
const order = fc.record({
  op: fc.constantFrom("gt", "gte", "lt", "lte"),
  path,
  value: fc.oneof(number, number, time),
});
const text = fc.record({
  op: fc.constantFrom("contains", "startsWith", "endsWith"),
  path,
  value: needle,
  ignoreCase: fc.boolean(),
});
const other = fc.oneof(
  fc.record({ op: fc.constant("exists"), path, value: fc.boolean() }),
  fc.record({ op: fc.constant("changed"), path }),
  fc.record({ op: fc.constantFrom("changedFrom", "changedTo"), path, value: scalar }),
);
const mixed = fc.oneof(equality, order, text, other);
/** A case with one kind of leaf only fills the indexes of that kind. */
const leaves: fc.Arbitrary<Condition>[] = [mixed, mixed, equality, order, text, other];

function conditionOf(leaf: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> {
  return fc.letrec<{ condition: Condition; group: Condition }>((tie) => ({
    condition: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, leaf, tie("group")),
    group: fc.oneof(
      fc.record({
        op: fc.constantFrom("and", "or"),
        conditions: fc.array(tie("condition"), { minLength: 1, maxLength: 4 }),
      }),
      fc.record({ op: fc.constant("not"), condition: tie("condition") }),
    ),
  })).condition;
}

const tenantId = fc.constantFrom("acme", "acme", "acme", "acme", "acme", "acme", "other");
const connector = fc.constantFrom("shop", "shop", "shop", "crm");
const id = fc.integer({ min: 0, max: 400 }).map(String);

const types = fc.array(fc.constantFrom("order.paid", "order.*", "order.p*", "*", "user.created"), {
  maxLength: 3,
});

function triggerOf(leaf: fc.Arbitrary<Condition>): fc.Arbitrary<IndexedTrigger> {
  const where = conditionOf(leaf);
  return fc.record({
    id,
    tenantId,
    connector: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: connector },
    ),
    eventTypes: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: types }),
    where: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 19, arbitrary: where }),
  });
}

const value: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  time,
  fc.constantFrom(null, Number.POSITIVE_INFINITY, -0, 2 ** 53, {}),
  exactNumber,
  fc.array(fc.oneof(scalar, exactNumber, fc.constant(null), fc.array(scalar, { maxLength: 3 })), {
    maxLength: 4,
  }),
);
const event: fc.Arbitrary<MatchableEvent> = fc.record(
  {
    tenantId,
    connector,
    type: fc.constantFrom("order.paid", "order.refunded", "user.created", ""),
    data: fc.oneof(
      { weight: 9, arbitrary: fc.dictionary(fc.constantFrom("a", "b"), value).chain(withLists) },
      { weight: 1, arbitrary: value },
    ),
    headers: fc.dictionary(fc.constantFrom("a"), word),
    changes: fc.dictionary(
      fc.constantFrom("/a", "/deep/a", "/list/0"),
      fc.record({ from: value, to: value }, { requiredKeys: [] }),
    ),
  },
  { requiredKeys: ["tenantId", "connector", "type", "data"] },
);

function withLists(data: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .record(
      {
        list: fc.array(fc.oneof(value, fc.dictionary(fc.constant("a"), value)), { maxLength: 4 }),
        deep: fc.dictionary(fc.constant("a"), value),
      },
      { requiredKeys: [] },
    )
    .map((more) => ({ ...data, ...more }));
}

/** HEADRACE_INDEX_HISTORIES multiplies the number of random histories. */
const MORE = Number(process.env["HEADRACE_INDEX_HISTORIES"] ?? 1);

type Step = { add: IndexedTrigger } | { remove: string } | { match: MatchableEvent };

/** A number of triggers added first, then random additions, removals and matches. */
function historyOf(first: [least: number, most: number]): fc.Arbitrary<Step[]> {
  return fc.constantFrom(...leaves).chain((leaf) => stepsOf(first, fc.record({ add: triggerOf(leaf) })));
}

function stepsOf(
  [minLength, maxLength]: [least: number, most: number],
  add: fc.Arbitrary<Step>,
): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: add },
    { weight: 3, arbitrary: fc.record({ remove: id }) },
    { weight: 4, arbitrary: fc.record({ match: event }) },
  );
  return fc
    .tuple(
      fc.array(add, { minLength, maxLength, size: "max" }),
      fc.array(step, { minLength: 20, maxLength: 40, size: "max" }),
    )
    .map(([before, then]) => [...before, ...then]);
}

/** The reference implementation: evaluates one trigger against the event. */
function meets(
  { tenantId, connector, eventTypes = [], where }: IndexedTrigger,
  event: MatchableEvent,
): boolean {
  if (tenantId !== event.tenantId || (connector ?? event.connector) !== event.connector) return false;
  const ofType = (name: string) =>
    name.endsWith("*") ? event.type.startsWith(name.slice(0, -1)) : event.type === name;
  if (eventTypes.length > 0 && !eventTypes.some(ofType)) return false;
  const { data, headers = {}, changes = {}, ...envelope } = event;
  return where === undefined || compileCondition(where)({ data, event: envelope, headers, changes });
}

/** Replays a history on an index and on a plain list of triggers, and compares their results. */
function replay(
  steps: readonly Step[],
  index: TriggerIndex,
  counts: { events: number; compared: number; matched: number },
): void {
  const triggers = new Map<string, IndexedTrigger>();
  for (const one of steps) {
    if ("add" in one) {
      index.add(one.add);
      triggers.set(one.add.id, one.add);
    } else if ("remove" in one) {
      index.remove(one.remove);
      triggers.delete(one.remove);
    } else {
      const ids = [...triggers.values()].filter((each) => meets(each, one.match)).map((each) => each.id);
      expect(index.match(one.match)).toEqual(ids);
      const explained = [...triggers.keys()].filter((each) => index.explain(one.match, each)?.matched);
      expect(explained).toEqual(ids);
      counts.events += 1;
      counts.compared += triggers.size;
      counts.matched += ids.length;
    }
  }
  expect(index.size).toBe(triggers.size);
}

describe("createTriggerIndex", () => {
  test("matches the same triggers as plain evaluation through random additions and removals", {
    timeout: 180_000 * MORE,
  }, () => {
    const counts = { histories: 0, events: 0, compared: 0, matched: 0 };
    type Kind = { scanLimit?: number; stepsAtOnce?: number; first: [number, number]; numRuns: number };
    const kinds: Kind[] = [
      { scanLimit: 0, stepsAtOnce: 0, first: [1, 30], numRuns: 300 },
      { scanLimit: 8, stepsAtOnce: 12, first: [20, 40], numRuns: 100 },
      { scanLimit: 0, first: [1, 30], numRuns: 1_200 },
      { scanLimit: 8, first: [150, 250], numRuns: 60 },
      { first: [300, 400], numRuns: 40 },
    ];
    for (const { first, numRuns, ...options } of kinds) {
      const property = fc.property(historyOf(first), (steps) => {
        counts.histories += 1;
        replay(steps, createTriggerIndex(options), counts);
      });
      fc.assert(property, { numRuns: numRuns * MORE });
    }
    console.info(`index = plain evaluation: ${JSON.stringify(counts)}`);
    expect(counts.compared).toBeGreaterThan(100_000);
    expect(counts.matched).toBeGreaterThan(counts.compared / 20);
  });

  test("matches the same triggers while it refiles entries under more selective keys", () => {
    const index = createTriggerIndex();
    const triggers = Array.from({ length: 2_000 }, (_, at): IndexedTrigger => {
      const rare: Condition = { op: "gt", path: "total", value: 10_000 + at };
      // Before any event is measured, the needles look more selective.
      const common: Condition = { op: "contains", path: "note", value: `w${at % 500}w` };
      return {
        id: `${at}`,
        tenantId: "acme",
        connector: "shop",
        eventTypes: at % 2 === 0 ? ["order.*"] : undefined,
        where: { op: "and", conditions: at % 3 === 0 ? [common, rare] : [rare, common] },
      };
    });
    for (const one of triggers) index.add(one);
    const note = Array.from({ length: 500 }, (_, at) => `w${at}w`).join(" ");
    for (let step = 0; step < 300; step += 1) {
      const data = { note, total: step % 50 === 0 ? 10_000 + step : 5 };
      const event = { tenantId: "acme", connector: "shop", type: "order.paid", data };
      const met = triggers.filter((one) => meets(one, event)).map((one) => one.id);
      expect(index.match(event)).toEqual(met);
      if (step % 100 === 50) index.remove(`${step}`);
      if (step % 100 === 50)
        triggers.splice(
          triggers.findIndex((one) => one.id === `${step}`),
          1,
        );
    }
    for (const { id } of triggers) index.remove(id);
    expect(
      index.match({ tenantId: "acme", connector: "shop", type: "order.paid", data: { note, total: 1e6 } }),
    ).toEqual([]);
  });

  test("applies additions, replacements and removals to the next match, in registration order", () => {
    const index = createTriggerIndex();
    const event = { tenantId: "acme", connector: "shop", type: "order.paid", data: { status: "paid" } };
    const where = parseCondition('status eq "paid"');
    for (const id of ["b", "a", "c"]) index.add({ id, tenantId: "acme", where });
    expect(index.match(event)).toEqual(["b", "a", "c"]);
    index.add({ id: "b", tenantId: "acme", connector: "shop", eventTypes: ["order.*", "order.paid", "*"] });
    expect(index.match(event)).toEqual(["b", "a", "c"]);
    index.add({ id: "a", tenantId: "acme", where: parseCondition('status eq "open"') });
    index.remove("c");
    index.remove("c");
    index.remove("unknown");
    expect(index.match(event)).toEqual(["b"]);
    index.add({ id: "c", tenantId: "acme" });
    expect(index.match(event)).toEqual(["b", "c"]);
    expect(index.match({ ...event, tenantId: "other" })).toEqual([]);
    expect(index.size).toBe(3);
  });

  test("accepts a trigger condition as text", () => {
    const index = createTriggerIndex();
    index.add({
      id: "a",
      tenantId: "acme",
      connector: "shop",
      eventTypes: ["order.*"],
      where: "total GT 100",
    });
    const event = { tenantId: "acme", connector: "shop", type: "order.paid", data: { total: 101 } };
    expect(index.match(event)).toEqual(["a"]);
    expect(index.match({ ...event, data: { total: 100 } })).toEqual([]);
    expect(() => index.add({ id: "a", tenantId: "acme", where: "total gt" })).toThrow("at character 9");
    expect(index.match(event)).toEqual(["a"]);
  });

  test("explains which clause of a trigger an event does not meet", () => {
    const index = createTriggerIndex();
    const where = parseCondition("total gt 100 and note exists");
    index.add({ id: "a", tenantId: "acme", connector: "shop", eventTypes: ["order.*", "refund"], where });
    const event = { tenantId: "acme", connector: "shop", type: "order.paid", data: { total: 42 } };
    const failed = (clause: string, path: string, value: string | null) => ({
      matched: false,
      clause,
      seen: [{ path, value }],
    });
    expect(index.explain(event, "a")).toEqual(failed("total gt 100", "total", "42"));
    expect(index.explain({ ...event, data: { total: 101 } }, "a")).toEqual(
      failed("note exists", "note", null),
    );
    expect(index.explain({ ...event, data: { total: 101, note: "" } }, "a")).toEqual({ matched: true });
    expect(index.explain({ ...event, connector: "crm" }, "a")).toEqual(
      failed('$event.connector eq "shop"', "$event.connector", '"crm"'),
    );
    expect(index.explain({ ...event, type: "user" }, "a")).toEqual(
      failed('$event.type startsWith "order." or $event.type eq "refund"', "$event.type", '"user"'),
    );
    expect(index.explain(event, "b")).toBeUndefined();
  });

  test("throws EventTooCostly when a search takes too many steps", () => {
    const index = createTriggerIndex();
    const never = Array.from({ length: 63 }, (_, at): Condition => ({ op: "eq", path: "a", value: `${at}` }));
    const absent: Condition = { op: "exists", path: "b", value: false };
    for (let at = 0; at < 10_000; at += 1) {
      index.add({ id: `${at}`, tenantId: "acme", where: { op: "or", conditions: [...never, absent] } });
    }
    const event = { tenantId: "acme", connector: "shop", type: "x", data: { b: 1 } };
    expect(() => index.match(event)).toThrow("takes more than 400000 steps");
    expect(index.match({ ...event, tenantId: "other" })).toEqual([]);
    for (let at = 100; at < 10_000; at += 1) index.remove(`${at}`);
    expect(index.match(event)).toEqual([]);
    expect(index.match({ ...event, data: {} })).toHaveLength(100);
  });

  test("matches long texts and lists within the budget of an event for 100 triggers", () => {
    const index = createTriggerIndex();
    for (let at = 0; at < 100; at += 1) {
      const conditions: Condition[] = [
        { op: "contains", path: "text", value: `${"a".repeat(10)}${at}` },
        { op: "neq", path: "list", value: at },
      ];
      index.add({ id: `${at}`, tenantId: "acme", where: { op: "or", conditions } });
    }
    const match = (data: unknown) => index.match({ tenantId: "acme", connector: "shop", type: "x", data });
    expect(match({ text: "a".repeat(60_000) })).toEqual([]);
    expect(match({ text: "a".repeat(600_000) })).toEqual([]);
    expect(match({ text: `${"a".repeat(600_000)}42${"a".repeat(9)}` })).toEqual(["4", "42"]);
    const list = Array.from({ length: 100 }, (_, at) => at);
    expect(match({ list })).toEqual([]);
    const long = Array.from({ length: 100 }, () => list);
    expect(match({ list: long, text: "a".repeat(60_000) })).toEqual([]);
  });

  test("finds an access path exactly for conditions that need some value to be present", () => {
    fc.assert(
      fc.property(conditionOf(mixed), (where) => {
        const fields = new Fields();
        expect(accessPathOf(planOf(where, fields), () => 1) !== undefined).toBe(isIndexed(where));
      }),
      { numRuns: 5_000 },
    );
  });

  test("matches 1,000 events against 100,000 triggers within two seconds", () => {
    const index = createTriggerIndex();
    for (let at = 0; at < 100_000; at += 1) {
      index.add({ id: `${at}`, tenantId: "acme", where: { op: "eq", path: "sku", value: `SKU-${at}` } });
    }
    const startedMs = performance.now();
    for (let at = 0; at < 1_000; at += 1) {
      const event = { tenantId: "acme", connector: "shop", type: "x", data: { sku: `SKU-${at * 100}` } };
      expect(index.match(event)).toEqual([`${at * 100}`]);
    }
    // Evaluating every trigger would take minutes.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    for (let at = 0; at < 100_000; at += 1) index.remove(`${at}`);
    expect(index.size).toBe(0);
  });
});
