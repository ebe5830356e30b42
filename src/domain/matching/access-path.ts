import type { Plan } from "./plan.ts";
import type { Predicate } from "./predicate.ts";

/** Index keys of which an event must meet at least one to meet a condition, and their summed cost. */
export interface AccessPath {
  readonly keys: readonly Predicate[];
  readonly cost: number;
}

/**
 * Returns the cheapest index keys for a condition; undefined if absent fields alone can meet it. An `and` needs the
 * keys of one part, an `or` the keys of every part. This selects as well as the condition's disjunctive normal form
 * would, without its exponential size, since no part is repeated.
 */
export function accessPathOf(plan: Plan, costOf: (key: Predicate) => number): AccessPath | undefined {
  switch (plan.op) {
    case "and": {
      let best: AccessPath | undefined;
      for (const part of plan.parts) {
        const path = accessPathOf(part, costOf);
        if (path !== undefined && !(best !== undefined && best.cost <= path.cost)) best = path;
      }
      return best;
    }
    case "or": {
      const paths = plan.parts.map((part) => accessPathOf(part, costOf));
      if (!paths.every((path) => path !== undefined)) return undefined;
      const cost = paths.reduce((sum, path) => sum + path.cost, 0);
      return { keys: paths.flatMap((path) => path.keys), cost };
    }
    case "not":
      return undefined;
    default:
      return isKey(plan) ? { keys: [plan], cost: costOf(plan) } : undefined;
  }
}

/** Whether an index can find the predicate. A condition that was not checked may have an operand that no index takes. */
function isKey({ op, operand }: Predicate): boolean {
  return op !== "absent" && !Number.isNaN(operand) && (op === "eq" || op === "neq" || operand !== "");
}
