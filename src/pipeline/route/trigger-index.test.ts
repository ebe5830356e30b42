import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Condition } from "../../domain/condition/ast.ts";
import { compileCondition } from "../../domain/condition/compile.ts";
import { parseCondition } from "../../domain/condition/parse.ts";
import { createTriggerIndex, type IndexedTrigger, type MatchableEvent } from "./trigger-index.ts";

/** Few words, so that random conditions and random events meet. */
const text = fc.constantFrom("", "a", "ab", "abc", "abcdefgh", "xabcdefghij", "ABCDEFGHI", "Bc", "100");
const number = fc.constantFrom(-1, 0, 0.5, 1, 2, 3, 5, 100, 2 ** 53 - 1);
const time = fc.constantFrom(
  "2026-01-01T00:00:00Z",
  "2026-01-01T01:00:00+01:00",
  "2026-06-01T00:00:00.000001Z",
);
const scalar = fc.oneof(text, number, fc.boolean());
const path = fc.constantFrom<string | string[]>(
  "a",
  "b",
  "list",
  "list.a",
  "list.0",
  "deep.a",
  ["deep", "a"],
  "$event.type",
  "$headers.a",
);

const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ op: fc.constantFrom("eq", "neq"), path, value: scalar }),
  fc.record({
    op: fc.constantFrom("in", "nin"),
    path,
    value: fc.array(scalar, { minLength: 1, maxLength: 12 }),
  }),
  fc.record({ op: fc.constantFrom("gt", "gte", "lt", "lte"), path, value: fc.oneof(number, number, time) }),
  fc.record({
    op: fc.constantFrom("contains", "startsWith", "endsWith"),
    path,
    value: text.filter((needle) => needle !== ""),
    ignoreCase: fc.boolean(),
  }),
  fc.record({ op: fc.constant("exists"), path, value: fc.boolean() }),
  fc.record({ op: fc.constant("changed"), path }),
  fc.record({ op: fc.constantFrom("changedFrom", "changedTo"), path, value: scalar }),
);
const { condition } = fc.letrec<{ condition: Condition; group: Condition }>((tie) => ({
  condition: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, tie("group")),
  group: fc.oneof(
    fc.record({
      op: fc.constantFrom("and", "or"),
      conditions: fc.array(tie("condition"), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ op: fc.constant("not"), condition: tie("condition") }),
  ),
}));

const tenantId = fc.constantFrom("acme", "acme", "acme", "other");
const connector = fc.constantFrom("shop", "shop", "shop", "crm");
const trigger: fc.Arbitrary<IndexedTrigger> = fc.record({
  id: fc.integer({ min: 0, max: 40 }).map(String),
  tenantId,
  connector: fc.oneof(fc.constant(undefined), connector),
  eventTypes: fc.oneof(
    fc.constant(undefined),
    fc.array(fc.constantFrom("order.paid", "order.*", "order.p*", "*", "user.created"), { maxLength: 3 }),
  ),
  where: fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 9, arbitrary: condition }),
});

const value: fc.Arbitrary<unknown> = fc.oneof(
  scalar,
  time,
  fc.constantFrom(null, Number.POSITIVE_INFINITY, -0, 2 ** 53, {}),
  fc.array(fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 3 })), { maxLength: 4 }),
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
    headers: fc.dictionary(fc.constantFrom("a"), text),
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

type Step = { add: IndexedTrigger } | { remove: string } | { match: MatchableEvent };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: trigger }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 40 }).map(String) }) },
  { weight: 4, arbitrary: fc.record({ match: event }) },
);

/** What the index is held against: every trigger asked, one after the other. */
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

describe("the trigger index", () => {
  test("answers as asking every trigger would, whatever is added and removed in between", () => {
    let [compared, matched] = [0, 0];
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 120, size: "max" }), (steps) => {
        const index = createTriggerIndex();
        const triggers = new Map<string, IndexedTrigger>();
        for (const one of steps) {
          if ("add" in one) {
            index.add(one.add);
            triggers.set(one.add.id, one.add);
          } else if ("remove" in one) {
            index.remove(one.remove);
            triggers.delete(one.remove);
          } else {
            const plain = [...triggers.values()].filter((each) => meets(each, one.match));
            const ids = plain.map((each) => each.id);
            expect(index.match(one.match)).toEqual(ids);
            for (const id of triggers.keys()) {
              expect(index.explain(one.match, id)?.matched).toBe(ids.includes(id));
            }
            compared += triggers.size;
            matched += ids.length;
          }
        }
        expect(index.size).toBe(triggers.size);
      }),
      { numRuns: 600 },
    );
    console.log({ compared, matched });
  });
});
void parseCondition;
