import type { Plan } from "./plan.ts";
import type { Step } from "./predicate.ts";

/** Steps of which an event must meet one to meet a condition, and what they cost. */
export interface Cover {
  readonly keys: readonly Step[];
  readonly cost: number;
}

/**
 * The cheapest keys to find a condition by; undefined when it can be met by what is absent. Of an `and` one part is
 * enough, of an `or` every part is needed: that is as sharp as writing the condition out as alternatives, without
 * its explosion, since no part is ever repeated.
 */
export function coverOf(plan: Plan, costOf: (key: Step) => number): Cover | undefined {
  switch (plan.op) {
    case "and": {
      let best: Cover | undefined;
      for (const part of plan.parts) {
        const cover = coverOf(part, costOf);
        if (cover !== undefined && !(best !== undefined && best.cost <= cover.cost)) best = cover;
      }
      return best;
    }
    case "or": {
      const covers = plan.parts.map((part) => coverOf(part, costOf));
      if (!covers.every((cover) => cover !== undefined)) return undefined;
      const cost = covers.reduce((sum, cover) => sum + cover.cost, 0);
      return { keys: covers.flatMap((cover) => cover.keys), cost };
    }
    case "not":
      return undefined;
    default:
      return isKey(plan) ? { keys: [plan], cost: costOf(plan) } : undefined;
  }
}

/** A condition that was not checked may compare with what nothing can be compared with. */
function isKey({ op, operand }: Step): boolean {
  return op !== "absent" && !Number.isNaN(operand) && (op === "eq" || op === "neq" || operand !== "");
}
