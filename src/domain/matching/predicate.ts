import { type LeafTest, passes } from "../condition/leaf-test.ts";
import { compareNumbers, ExactNumber } from "../json/exact-number.ts";
import type { Field } from "./fields.ts";

/** A test of one field: a leaf of a condition, or two thresholds joined to an interval. */
export type Predicate = LeafPredicate | Interval;

export interface LeafPredicate extends LeafTest {
  readonly field: Field;
}

/** Met by a number above `low` and one below `high`. In a list these may be two different numbers. */
export interface Interval {
  readonly op: "interval";
  readonly operand: undefined;
  readonly field: Field;
  readonly low: number;
  readonly high: number;
  /** Whether the ends belong to the interval. */
  readonly withLow: boolean;
  readonly withHigh: boolean;
}

/** Whether the values of its field meet a predicate. */
export function meets(predicate: Predicate, values: readonly unknown[]): boolean {
  return predicate.op === "interval" ? isWithin(predicate, values) : passes(predicate, values);
}

function isWithin({ low, high, withLow, withHigh }: Interval, values: readonly unknown[]): boolean {
  let [isAbove, isBelow] = [false, false];
  for (const value of values) {
    if (typeof value !== "number" && !(value instanceof ExactNumber)) continue;
    const [fromLow, fromHigh] = [compareNumbers(value, low), compareNumbers(value, high)];
    if (fromLow > 0 || (withLow && fromLow === 0)) isAbove = true;
    if (fromHigh < 0 || (withHigh && fromHigh === 0)) isBelow = true;
  }
  return isAbove && isBelow;
}
