import { jsonPreview } from "../json/preview.ts";
import type { Condition, Leaf } from "./ast.ts";
import { compileCondition } from "./compile.ts";
import { type ConditionSubject, fieldName, fieldReader } from "./field.ts";
import { printCondition } from "./print.ts";

export type Explanation = { matched: true } | FailedClause;

/** The first clause of a condition that an event does not meet. */
export interface FailedClause {
  matched: false;
  /** Its text, at most 1,024 characters. An `and` fails at its first failing part; an `or` and a `not` fail whole. */
  clause: string;
  /** The event's values at the first eight paths of the clause. */
  seen: SeenValue[];
}

export interface SeenValue {
  /** The path as text. */
  path: string;
  /** The value as JSON, or a list of several, at most 256 characters; null if there is none. */
  value: string | null;
}

const MAX_CLAUSE_CHARACTERS = 1_024;
const MAX_VALUE_CHARACTERS = 256;
const MAX_SEEN = 8;

/**
 * Explains why an event does not meet a checked condition: the first clause that fails, and the event's values there.
 * For a subject with an evaluation the result may be provisional: see `Evaluation.settle`.
 */
export function explainCondition(condition: Condition, subject: ConditionSubject): Explanation {
  if (condition.op === "and") {
    for (const part of condition.conditions) {
      const explained = explainCondition(part, subject);
      if (!explained.matched) return explained;
    }
    return { matched: true };
  }
  if (compileCondition(condition)(subject)) return { matched: true };
  return {
    matched: false,
    clause: bounded(printCondition(condition), MAX_CLAUSE_CHARACTERS),
    seen: seenAt(leavesOf(condition), subject),
  };
}

function leavesOf(condition: Condition): Leaf[] {
  switch (condition.op) {
    case "and":
    case "or":
      return condition.conditions.flatMap(leavesOf);
    case "not":
      return leavesOf(condition.condition);
    default:
      return [condition];
  }
}

function seenAt(leaves: readonly Leaf[], subject: ConditionSubject): SeenValue[] {
  const seen = new Map<string, SeenValue>();
  for (const leaf of leaves) {
    const path = typeof leaf.path === "string" ? leaf.path : JSON.stringify(leaf.path);
    if (seen.size < MAX_SEEN && !seen.has(path)) seen.set(path, { path, value: valueAt(leaf, subject) });
  }
  return [...seen.values()];
}

/** Shows a value as written in the event, not converted to a time or to lower case. */
function valueAt({ op, path }: Leaf, subject: ConditionSubject): string | null {
  const isChange = op === "changed" || op === "changedFrom" || op === "changedTo";
  const shownLeaf: Leaf = { op: isChange ? op : "exists", path };
  const read = fieldReader(shownLeaf);
  const values = subject.evaluation?.valuesOf(fieldName(shownLeaf), read, subject) ?? read(subject);
  if (values.length === 0) return null;
  // The values of a path that ends in a list are the list and its elements.
  const shown = values.length === 1 ? values[0] : values.filter((value) => !Array.isArray(value));
  return bounded(jsonPreview(shown, MAX_VALUE_CHARACTERS), MAX_VALUE_CHARACTERS);
}

function bounded(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters ? text : `${text.slice(0, maxCharacters - 1)}…`;
}
