import type { Condition } from "./ast.ts";

/**
 * Whether an index can find the condition by what an event holds: every way to meet it needs some value to be there.
 * Not so `not status eq "x"` or `a exists false`: a trigger whose condition is met by absence alone is asked of every
 * event of its type, and its flow is called unindexed. No condition at all needs no asking.
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
