import { writeJson } from "../json/exact-number.ts";
import type { Condition, Leaf } from "./ast.ts";

/** Returns the text of a checked condition. Parsing it gives the same tree. */
export function printCondition(condition: Condition): string {
  switch (condition.op) {
    case "and":
      return condition.conditions.map((one) => inGroup(one, ["and", "or"])).join(" and ");
    case "or":
      return condition.conditions.map((one) => inGroup(one, ["or"])).join(" or ");
    case "not":
      return `not ${inGroup(condition.condition, ["and", "or"])}`;
    default:
      return printLeaf(condition);
  }
}

/** Adds parentheses around a condition whose operator binds looser: `not` binds tightest, then `and`, then `or`. */
function inGroup(condition: Condition, looser: readonly string[]): string {
  return looser.includes(condition.op) ? `(${printCondition(condition)})` : printCondition(condition);
}

function printLeaf({ op, path, value, ignoreCase }: Leaf): string {
  const words = [typeof path === "string" ? path : JSON.stringify(path), op];
  if (value !== undefined)
    words.push(Array.isArray(value) ? `[${value.map(printValue).join(", ")}]` : printValue(value));
  if (ignoreCase) words.push("ignoreCase");
  return words.join(" ");
}

function printValue(value: unknown): string {
  // JSON prints -0 as 0, which compares equal.
  return writeJson(value);
}
