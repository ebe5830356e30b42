import type { Condition, Leaf } from "../condition/ast.ts";
import { type Fields, isShared } from "./fields.ts";
import type { Band, Step } from "./predicate.ts";

/** A condition on its way into the index: no negation but of single steps, and no list within a list of its kind. */
export type Plan = Step | NotPlan | GroupPlan;

interface NotPlan {
  readonly op: "not";
  readonly step: Step;
}

interface GroupPlan {
  readonly op: "and" | "or";
  /** At least two. Those come first that few events meet, or that are soon asked. */
  readonly parts: readonly Plan[];
}

/** Plans a condition. It takes a use of its field for every step. */
export function planOf(condition: Condition, fields: Fields): Plan {
  return plan(condition, false, fields);
}

function plan(condition: Condition, negated: boolean, fields: Fields): Plan {
  switch (condition.op) {
    case "not":
      return plan(condition.condition, !negated, fields);
    case "and":
    case "or":
      return planGroup(
        (condition.op === "and") === negated ? "or" : "and",
        condition.conditions,
        negated,
        fields,
      );
    default:
      return planLeaf(condition, negated, fields);
  }
}

/** What is absent is not there, and the other way around: of the others, a negation stays one. */
function planLeaf(leaf: Leaf, negated: boolean, fields: Fields): Plan {
  if (!negated) return fields.take(leaf);
  if (leaf.op === "exists") return fields.take({ ...leaf, value: leaf.value === false });
  return { op: "not", step: fields.take(leaf) };
}

function planGroup(
  op: "and" | "or",
  conditions: readonly Condition[],
  negated: boolean,
  fields: Fields,
): Plan {
  const parts = conditions.flatMap((one) => {
    const part = plan(one, negated, fields);
    return part.op === op ? part.parts : part;
  });
  const joined = op === "and" ? joinBounds(parts, fields) : parts;
  if (joined.length === 1) return joined[0] as Plan;
  return { op, parts: joined.toSorted((left, right) => rankOf(left, op) - rankOf(right, op)) };
}

/** Makes a band of two bounds of one field. */
function joinBounds(parts: readonly Plan[], fields: Fields): Plan[] {
  const joined: Plan[] = [];
  for (const part of parts) {
    const at = joined.findIndex((other) => bandOf(other, part) !== undefined);
    const band = at === -1 ? undefined : bandOf(joined[at] as Plan, part);
    if (band === undefined) joined.push(part);
    else {
      joined[at] = band;
      // It was taken for either bound.
      fields.release([band]);
    }
  }
  return joined;
}

function bandOf(one: Plan, other: Plan): Band | undefined {
  const isLow = one.op === "gt" || one.op === "gte";
  const [low, high] = isLow ? [one, other] : [other, one];
  if ((low.op !== "gt" && low.op !== "gte") || (high.op !== "lt" && high.op !== "lte")) return undefined;
  const [from, to] = [low.operand as number, high.operand as number];
  // Bounds that exclude each other are no range, and yet two numbers of a list can meet them.
  if (low.field !== high.field || !(from <= to) || !Number.isFinite(to - from)) return undefined;
  const [withLow, withHigh] = [low.op === "gte", high.op === "lte"];
  return { op: "band", operand: undefined, field: low.field, low: from, high: to, withLow, withHigh };
}

/** Hardly any event fails it: that something is not one of many values says little. */
const LAST = 7;

/**
 * When a part is asked, of an `and` what most likely fails first, of an `or` what most likely holds. Leaves that many
 * triggers share lie in the processor's caches, and a text is long to search.
 */
function rankOf(part: Plan, op: "and" | "or"): number {
  switch (part.op) {
    case "and":
      return 6;
    case "or":
      return part.parts.some((one) => rankOf(one, "or") === LAST) ? LAST : 6;
    case "not":
      return isShared(part.step) ? rankOfStep(part.step, op) : LAST;
    default:
      return rankOfStep(part, op);
  }
}

function rankOfStep(step: Step, op: "and" | "or"): number {
  const shared = isShared(step);
  switch (step.op) {
    case "eq":
    case "in":
    case "band":
      return shared ? 1 : op === "and" ? 0 : 4;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return shared ? 2 : 3;
    case "contains":
    case "startsWith":
    case "endsWith":
      return 5;
    default:
      return shared && op === "or" ? 0 : 4;
  }
}
