import { ExactNumber } from "../../domain/json/exact-number.ts";
import { valueAt } from "./canonical-json.ts";
import { nameOf } from "./record-number.ts";
import { childRule, elementRule, type FieldRule } from "./record-options.ts";

/** The children of an object or array, by their names in a pointer. */
export interface Fields {
  kind: "object" | "keyed" | "list";
  values: ReadonlyMap<string, unknown>;
  ruleOf(key: string): FieldRule | undefined;
}

/**
 * Returns the fields of a value; undefined for values compared as a whole: scalars, sets, and keyed arrays without
 * unique names.
 */
export function fieldsOf(value: unknown, rule: FieldRule | undefined): Fields | undefined {
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return undefined;
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).filter(([, child]) => child !== undefined);
    return { kind: "object", values: new Map(entries), ruleOf: (key) => childRule(rule, key) };
  }
  if (rule?.set === true) return undefined;
  if (rule?.keyedBy === undefined) {
    const values = new Map(value.map((element, index) => [String(index), element]));
    return { kind: "list", values, ruleOf: (key) => childRule(rule, key) };
  }
  const values = byName(value, rule.keyedBy);
  return values && { kind: "keyed", values, ruleOf: () => elementRule(rule, 0) };
}

/** Returns the elements by name; undefined if a name is missing or not unique. */
function byName(array: readonly unknown[], path: string): Map<string, unknown> | undefined {
  const named = new Map<string, unknown>();
  for (const element of array) {
    const name = nameOf(valueAt(element, path));
    if (typeof name !== "string" && typeof name !== "number") return undefined;
    named.set(String(name), element);
  }
  return named.size === array.length ? named : undefined;
}
