import type { Condition } from "../../../domain/condition/ast.ts";
import { type LeafTest, passes } from "../../../domain/condition/leaf-test.ts";
import type { Field, Fields } from "./fields.ts";
import type { Search } from "./search.ts";

/**
 * A condition ready to be asked. It is data and not closures, which would cost a trigger several times the memory,
 * and its leaves share what was read of the event. There are four shapes of it: V8 is slower from five on.
 */
export type Check = LeafCheck | Band | PairCheck | NotCheck;

export interface LeafCheck extends LeafTest {
  readonly field: Field;
}

/** Two leaves that bound a field: met by a number above and one below, which in a list may be two numbers. */
export interface Band {
  readonly op: "band";
  readonly field: Field;
  readonly low: number;
  readonly high: number;
  /** Whether the bounds themselves belong to it. */
  readonly withLow: boolean;
  readonly withHigh: boolean;
}

/** A longer list is a pair whose second is again one: no array stands between a check and its parts. */
interface PairCheck {
  readonly op: "and" | "or";
  readonly first: Check;
  readonly second: Check;
}

interface NotCheck {
  readonly op: "not";
  readonly check: Check;
}

/**
 * Makes a condition ready: `and` within `and` is one list that begins with what few events meet, two bounds are a
 * band, and `not` before a test of presence is the other test.
 */
export function prepareCheck(condition: Condition, fields: Fields): Check {
  switch (condition.op) {
    case "and":
      return pairUp(
        condition.op,
        joinBounds(prepareParts(condition.op, condition.conditions, fields), fields),
      );
    case "or":
      return pairUp(condition.op, prepareParts(condition.op, condition.conditions, fields));
    case "not": {
      const check = prepareCheck(condition.condition, fields);
      if (check.op === "not") return check.check;
      if (check.op === "exists" || check.op === "absent") return opposite(check);
      return { op: "not", check };
    }
    default:
      return fields.take(condition);
  }
}

function opposite({ op, operand, field }: LeafCheck): LeafCheck {
  return { op: op === "exists" ? "absent" : "exists", operand, field };
}

/** The parts of a list, and of lists within it that are of its kind. */
function prepareParts(op: "and" | "or", conditions: readonly Condition[], fields: Fields): Check[] {
  return conditions.flatMap((one) =>
    one.op === op ? prepareParts(op, one.conditions, fields) : prepareCheck(one, fields),
  );
}

/** Makes a band of every bound from below that is followed by one from above. */
function joinBounds(checks: readonly Check[], fields: Fields): Check[] {
  const joined: Check[] = [];
  for (const check of checks) {
    const at = joined.findIndex((other) => bandOf(other, check) !== undefined);
    const band = at === -1 ? undefined : bandOf(joined[at] as Check, check);
    if (band === undefined) joined.push(check);
    else {
      joined[at] = band;
      fields.release(band.field);
    }
  }
  return joined;
}

function bandOf(one: Check, other: Check): Band | undefined {
  const isLow = one.op === "gt" || one.op === "gte";
  const [low, high] = isLow ? [one, other] : [other, one];
  if ((low.op !== "gt" && low.op !== "gte") || (high.op !== "lt" && high.op !== "lte")) return undefined;
  const [from, to] = [low.operand as number, high.operand as number];
  // Bounds that exclude each other are no range, and yet two numbers of a list can meet them.
  if (low.field !== high.field || !(from <= to) || !Number.isFinite(to - from)) return undefined;
  const [withLow, withHigh] = [low.op === "gte", high.op === "lte"];
  return { op: "band", field: low.field, low: from, high: to, withLow, withHigh };
}

/** What is asked first: what few events meet, and what is soon asked. Groups come last. */
const RANKS: Readonly<Partial<Record<Check["op"], number>>> = {
  eq: 0,
  in: 0,
  band: 1,
  gt: 2,
  gte: 2,
  lt: 2,
  lte: 2,
  contains: 3,
  startsWith: 3,
  endsWith: 3,
  and: 5,
  or: 5,
  not: 5,
};

function pairUp(op: "and" | "or", checks: readonly Check[]): Check {
  const ranked = checks.toSorted((left, right) => (RANKS[left.op] ?? 4) - (RANKS[right.op] ?? 4));
  return ranked.reduceRight((second, first) => ({ op, first, second }));
}

/** Gives the check's fields back. */
export function releaseCheck(check: Check, fields: Fields): void {
  switch (check.op) {
    case "and":
    case "or":
      releaseCheck(check.first, fields);
      releaseCheck(check.second, fields);
      return;
    case "not":
      releaseCheck(check.check, fields);
      return;
    default:
      fields.release(check.field);
  }
}

/** Whether the event that is searched for meets a check. */
export function isMet(check: Check, search: Search): boolean {
  switch (check.op) {
    case "and":
      return isMet(check.first, search) && isMet(check.second, search);
    case "or":
      return isMet(check.first, search) || isMet(check.second, search);
    case "not":
      return !isMet(check.check, search);
    case "band":
      return isWithin(check, search.valuesOf(check.field));
    default:
      return passes(check, search.valuesOf(check.field));
  }
}

function isWithin({ low, high, withLow, withHigh }: Band, values: readonly unknown[]): boolean {
  let [isAbove, isBelow] = [false, false];
  for (const value of values) {
    if (typeof value !== "number") continue;
    if (value > low || (withLow && value === low)) isAbove = true;
    if (value < high || (withHigh && value === high)) isBelow = true;
  }
  return isAbove && isBelow;
}
