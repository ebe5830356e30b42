import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventTooCostly } from "../event/event-too-costly.ts";
import { finish, SliceBudget } from "../slices.ts";
import type { Condition } from "./ast.ts";
import { compileCondition } from "./compile.ts";
import { Evaluation } from "./evaluation.ts";
import { lowerCaseSlices } from "./lower-case.ts";
import { NeedleSearch, needleGroups } from "./needles.ts";

describe("NeedleSearch", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "\u00e9"), maxLength: 60 });
  const needles = fc.uniqueArray(
    fc.string({ unit: fc.constantFrom("a", "b", "\u00e9"), minLength: 1, maxLength: 6 }),
  );

  test("finds the same needles in one pass as String.includes", () => {
    fc.assert(
      fc.property(letters, needles, (text, list) => {
        const search = new NeedleSearch(list);
        finish(search.search(text, new SliceBudget()));
        expect([...search.found].sort()).toEqual(list.filter((one) => text.includes(one)).sort());
      }),
      { numRuns: 2_000 },
    );
  });

  test("groups thousands of ordinary needles into tables of bounded size", () => {
    const ordinary = Array.from({ length: 5_000 }, (_, at) => `order-${at}@example`);
    expect(needleGroups(ordinary).length).toBeLessThan(8);
    const odd = Array.from({ length: 60 }, (_, at) =>
      Array.from({ length: 256 }, (_, place) => String.fromCharCode(1_000 + at * 256 + place)).join(""),
    );
    const groups = needleGroups(odd);
    expect(groups.flat()).toEqual(odd);
    for (const group of groups) expect(new NeedleSearch(group).entries).toBeLessThanOrEqual(524_288);
  });
});

describe("lowerCaseSlices", () => {
  test.each(["STRASSE \u00c9 ", "\u039f\u03a3 ", "\u03a3\u03a3\u03a3, ", "\ud801\udc00"])(
    "lower-cases a long text like toLowerCase: %j",
    (part) => {
      const text = part.repeat(70_000);
      expect(finish(lowerCaseSlices(text, new SliceBudget()))).toBe(text.toLowerCase());
    },
  );
});

/** Returns the matching flows, and the most characters that `includes` may have compared in one slice. */
function evaluate(
  conditions: readonly Condition[],
  data: unknown,
): { met: boolean[]; slices: number; worst: number } {
  const predicates = conditions.map(compileCondition);
  const evaluation = new Evaluation();
  const subject = { data, event: {}, headers: {}, evaluation };
  let [compared, worst, slices] = [0, 0, 0];
  const includes = String.prototype.includes;
  String.prototype.includes = function (this: string, needle: string, from?: number) {
    compared += this.length * needle.length;
    return includes.call(this, needle, from);
  };
  try {
    const work = evaluation.settle(() => predicates.map((met) => met(subject)));
    for (let step = work.next(); ; step = work.next()) {
      worst = Math.max(worst, compared);
      compared = 0;
      slices += 1;
      if (step.done) return { met: step.value, slices, worst };
    }
  } finally {
    String.prototype.includes = includes;
  }
}

describe("Evaluation", () => {
  test("searches a text of 1 MB for 60 worst-case needles in slices of bounded work", () => {
    const conditions = Array.from({ length: 60 }, (_, at): Condition => {
      const value = at === 7 ? "a".repeat(200) : `${"a".repeat(190 + at)}b`;
      return { op: "contains", path: "text", value };
    });
    const { met, slices, worst } = evaluate(conditions, { text: "a".repeat(1_048_576) });
    expect(met.flatMap((one, at) => (one ? at : []))).toEqual([7]);
    expect(worst).toBeLessThan(11_000_000);
    expect(slices).toBeGreaterThan(10);
    expect(slices).toBeLessThan(200);
  });

  test("evaluates groups of alternatives correctly when their tests are deferred", () => {
    const leaf = (value: string): Condition => ({ op: "contains", path: "text", value });
    const text = `${"ab".repeat(300_000)}needle${"ab".repeat(300_000)}`;
    const [there, gone] = [leaf("needle"), leaf(`${"ab".repeat(100)}b`)];
    const conditions: Condition[] = [
      { op: "and", conditions: [there, { op: "not", condition: gone }] },
      {
        op: "or",
        conditions: [gone, { op: "and", conditions: [there, { op: "or", conditions: [gone, there] }] }],
      },
      { op: "not", condition: there },
    ];
    expect(evaluate(conditions, { text }).met).toEqual([true, true, false]);
  });

  test("lower-cases a long text once for all tests", () => {
    const conditions = Array.from({ length: 40 }, (_, at): Condition => {
      return { op: "contains", path: "text", value: at === 3 ? "NeEdLe" : `Nothing${at}`, ignoreCase: true };
    });
    const { met, slices } = evaluate(conditions, { text: `${"X".repeat(4_000_000)} needLE` });
    expect(met.indexOf(true)).toBe(3);
    expect(slices).toBeGreaterThan(60);
  });

  test("reads many paths through long lists in slices", () => {
    const list = Array.from({ length: 1_000 }, () => Array.from({ length: 10 }, () => ({ a: 1 })));
    const conditions = Array.from(
      { length: 500 },
      (_, at): Condition => ({ op: "exists", path: `list.k${at}` }),
    );
    const { met, slices } = evaluate([...conditions, { op: "exists", path: "list.a" }], { list });
    expect(met.filter(Boolean)).toHaveLength(1);
    expect(slices).toBeGreaterThan(20);
  });

  test("throws EventTooCostly before work over the budget", () => {
    const text = "lorem ipsum ".repeat(1_600_000);
    const conditions = Array.from({ length: 3_000 }, (_, at): Condition => {
      const value = Array.from({ length: 200 }, (_, place) =>
        String.fromCharCode(1_000 + at * 20 + place),
      ).join("");
      return { op: "contains", path: "text", value };
    });
    expect(() => evaluate(conditions, { text })).toThrow(EventTooCostly);
  });
});
