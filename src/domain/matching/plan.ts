import type { Condition, Leaf } from "../condition/ast.ts";
import { type Fields, isShared } from "./fields.ts";
import type { Interval, Predicate } from "./predicate.ts";

/** A condition in the normal form that the index uses: only predicates are negated, and no group nests in its like. */
export type Plan = Predicate | NotPlan | GroupPlan;

interface NotPlan {
  readonly op: "not";
  readonly predicate: Predicate;
}

interface GroupPlan {
  readonly op: "and" | "or";
  /** At least two, in the order of evaluation: the most decisive and the cheapest come first. */
  readonly parts: readonly Plan[];
}

/** Plans a condition. Counts a use of its field for every predicate. */
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

/** Negates `exists` by its value. Any other negation remains one. */
function planLeaf(leaf: Leaf, negated: boolean, fields: Fields): Plan {
  if (!negated) return fields.acquire(leaf);
  if (leaf.op === "exists") return fields.acquire({ ...leaf, value: leaf.value === false });
  return { op: "not", predicate: fields.acquire(leaf) };
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
  const joined = op === "and" ? joinThresholds(parts, fields) : parts;
  if (joined.length === 1) return joined[0] as Plan;
  return { op, parts: joined.toSorted((left, right) => rankOf(left, op) - rankOf(right, op)) };
}

/** Replaces a lower and an upper threshold of one field by an interval. */
function joinThresholds(parts: readonly Plan[], fields: Fields): Plan[] {
  const joined: Plan[] = [];
  for (const part of parts) {
    const index = joined.findIndex((other) => intervalOf(other, part) !== undefined);
    const interval = index === -1 ? undefined : intervalOf(joined[index] as Plan, part);
    if (interval === undefined) joined.push(part);
    else {
      joined[index] = interval;
      // Both thresholds counted a use of the field; the interval is one.
      fields.release([interval]);
    }
  }
  return joined;
}

function intervalOf(one: Plan, other: Plan): Interval | undefined {
  const isLow = one.op === "gt" || one.op === "gte";
  const [low, high] = isLow ? [one, other] : [other, one];
  if ((low.op !== "gt" && low.op !== "gte") || (high.op !== "lt" && high.op !== "lte")) return undefined;
  const [from, to] = [low.operand, high.operand];
  // An exact number has no distance.
  if (typeof from !== "number" || typeof to !== "number") return undefined;
  // Thresholds that exclude each other are not an interval, yet two numbers of a list can meet them.
  if (low.field !== high.field || !(from <= to) || !Number.isFinite(to - from)) return undefined;
  const [withLow, withHigh] = [low.op === "gte", high.op === "lte"];
  return { op: "interval", operand: undefined, field: low.field, low: from, high: to, withLow, withHigh };
}

/** The rank of a negation of unshared predicates, which hardly any event fails. */
const LAST = 7;

/**
 * Ranks a part in the order of evaluation: in an `and` the likeliest to fail comes first, in an `or` the likeliest to
 * hold. Predicates that many triggers share are cheap, since they are in cache; text searches are expensive.
 */
function rankOf(part: Plan, op: "and" | "or"): number {
  switch (part.op) {
    case "and":
      return 6;
    case "or":
      return part.parts.some((one) => rankOf(one, "or") === LAST) ? LAST : 6;
    case "not":
      return isShared(part.predicate) ? rankOfPredicate(part.predicate, op) : LAST;
    default:
      return rankOfPredicate(part, op);
  }
}

function rankOfPredicate(predicate: Predicate, op: "and" | "or"): number {
  const shared = isShared(predicate);
  switch (predicate.op) {
    case "eq":
    case "in":
    case "interval":
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
