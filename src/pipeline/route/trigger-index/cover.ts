import type { Check, LeafCheck } from "./check.ts";
import type { Key } from "./entry.ts";

/** Keys of which an event must hold one to meet a check, and what they cost. */
export interface Cover {
  readonly keys: readonly Key[];
  readonly cost: number;
}

/**
 * The cheapest keys to find a check by; undefined when it can be met by what is absent. Of an `and` one part is
 * enough, of an `or` every part is needed: that is as sharp as writing the check out as alternatives, without its
 * explosion, since no part is ever repeated.
 */
export function coverOf(check: Check, costOf: (key: Key) => number): Cover | undefined {
  return cover(check, false, costOf);
}

function cover(check: Check, negated: boolean, costOf: (key: Key) => number): Cover | undefined {
  switch (check.op) {
    case "not":
      return cover(check.check, !negated, costOf);
    case "and":
    case "or": {
      const [first, second] = [cover(check.first, negated, costOf), cover(check.second, negated, costOf)];
      return (check.op === "and") === negated ? together(first, second) : cheaper(first, second);
    }
    case "band":
      return negated ? undefined : { keys: [check], cost: costOf(check) };
    default:
      return negated || !isKey(check) ? undefined : { keys: [check], cost: costOf(check) };
  }
}

function together(first: Cover | undefined, second: Cover | undefined): Cover | undefined {
  if (first === undefined || second === undefined) return undefined;
  return { keys: [...first.keys, ...second.keys], cost: first.cost + second.cost };
}

function cheaper(first: Cover | undefined, second: Cover | undefined): Cover | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return second.cost < first.cost ? second : first;
}

function isKey({ op, operand }: LeafCheck): boolean {
  return op !== "absent" && !Number.isNaN(operand) && (op === "eq" || op === "neq" || operand !== "");
}
