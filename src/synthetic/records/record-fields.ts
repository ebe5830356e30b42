import { valueAt } from "./canonical-json.ts";
import { childRule, elementRule, type FieldRule } from "./record-options.ts";

/** What lies directly in an object or array, by the name that stands for it in a pointer. */
export interface Fields {
  kind: "object" | "keyed" | "list";
  values: ReadonlyMap<string, unknown>;
  ruleOf(key: string): FieldRule | undefined;
}

/** The fields of a value; undefined for what is compared as a whole: scalars, sets, arrays whose keys do not name. */
export function fieldsOf(value: unknown, rule: FieldRule | undefined): Fields | undefined {
  if (typeof value !== "object" || value === null) return undefined;
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

/** The elements by their names; undefined where one has none, or two have the same. */
function byName(array: readonly unknown[], path: string): Map<string, unknown> | undefined {
  const named = new Map<string, unknown>();
  for (const element of array) {
    const name = valueAt(element, path);
    if (typeof name !== "string" && typeof name !== "number") return undefined;
    named.set(String(name), element);
  }
  return named.size === array.length ? named : undefined;
}
