import { type LeafTest, passes } from "../condition/leaf-test.ts";
import type { Field } from "./fields.ts";

/** What is asked of one field: a leaf of a condition, or two of them that bound it. */
export type Step = LeafStep | Band;

export interface LeafStep extends LeafTest {
  readonly field: Field;
}

/** Two leaves that bound a field: met by a number above and one below, which in a list may be two numbers. */
export interface Band {
  readonly op: "band";
  readonly operand: undefined;
  readonly field: Field;
  readonly low: number;
  readonly high: number;
  /** Whether the bounds themselves belong to it. */
  readonly withLow: boolean;
  readonly withHigh: boolean;
}

/** Whether the values of its field meet a step. */
export function meets(step: Step, values: readonly unknown[]): boolean {
  return step.op === "band" ? isWithin(step, values) : passes(step, values);
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
