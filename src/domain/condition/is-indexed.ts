import type { Condition } from "./ast.ts";

/**
 * Whether the trigger index can find the condition by an event's values: meeting it always needs some value to be
 * present. `not status eq "x"` and `a exists false` can be met by absence alone: such a condition is evaluated for every
 * event of its type, and its flow is called unindexed. A flow without a condition is indexed.
 */
export function isIndexed(condition: Condition | undefined): boolean {
  return condition === undefined || needsPresence(condition, false);
}

function needsPresence(condition: Condition, negated: boolean): boolean {
  switch (condition.op) {
    case "not":
      return needsPresence(condition.condition, !negated);
    case "and":
    case "or": {
      const needs = (one: Condition) => needsPresence(one, negated);
      const allMustHold = (condition.op === "and") !== negated;
      return allMustHold ? condition.conditions.some(needs) : condition.conditions.every(needs);
    }
    case "exists":
      return (condition.value === false) === negated;
    default:
      return !negated;
  }
}
