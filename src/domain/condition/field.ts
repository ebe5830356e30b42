import type { Leaf } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { instantMs } from "./instant.ts";
import { pathKeys } from "./path.ts";
import { valuesAt } from "./values.ts";

/** What a condition is asked about. */
export interface ConditionSubject {
  data: unknown;
  /** What `$event.` reaches: the envelope, by the names that the API shows. */
  event: Record<string, unknown>;
  /** What `$headers.` reaches. */
  headers: Record<string, string>;
  /** The field diff of a synthetic event, by JSON pointer: what `$changes.` and the changed operators reach. */
  changes?: Record<string, { from?: unknown; to?: unknown }>;
  /** Puts off what would take long; without one everything is done at once. */
  evaluation?: Evaluation;
}

/** The values that a leaf is asked about; none where there is nothing, or only null. */
export type ReadField = (subject: ConditionSubject) => readonly unknown[];

/**
 * As what a leaf sees its path: most see the values, an order of times sees the times among them, as numbers, and
 * `ignoreCase` the strings in lower case. What the changed operators see is the field diff.
 */
type View = "values" | "times" | "lowered" | "changed" | "from" | "to";

/** Leaves of one name read the same, so that an event need be read only once for all of them. */
export function fieldName(leaf: Leaf): string {
  const { path } = leaf;
  return `${viewOf(leaf)}${typeof path === "string" ? ` ${path}` : JSON.stringify(path)}`;
}

/** How the values that a leaf is asked about are read. It reads own properties only, and never throws. */
export function fieldReader(leaf: Leaf): ReadField {
  const keys = pathKeys(leaf.path);
  const view = viewOf(leaf);
  switch (view) {
    case "values":
      return valuesReader(keys);
    case "times": {
      const read = valuesReader(keys);
      return (subject) => strings(read(subject)).flatMap((text) => instantMs(text) ?? []);
    }
    case "lowered": {
      const read = valuesReader(keys);
      const name = fieldName(leaf);
      return (subject) => {
        const texts = strings(read(subject));
        return subject.evaluation?.lowerCase(name, texts) ?? texts.map((text) => text.toLowerCase());
      };
    }
    case "changed": {
      const pointer = pointerOf(keys);
      return ({ changes = {} }) =>
        Object.keys(changes).filter((name) => name === pointer || name.startsWith(`${pointer}/`));
    }
    default: {
      const pointer = pointerOf(keys);
      return ({ changes }) => {
        if (changes === undefined || !Object.hasOwn(changes, pointer)) return [];
        const value = changes[pointer]?.[view];
        return value === undefined || value === null ? [] : [value];
      };
    }
  }
}

function viewOf({ op, value, ignoreCase }: Leaf): View {
  switch (op) {
    case "changed":
      return "changed";
    case "changedFrom":
      return "from";
    case "changedTo":
      return "to";
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return typeof value === "string" ? "times" : "values";
    case "contains":
    case "startsWith":
    case "endsWith":
      return ignoreCase ? "lowered" : "values";
    default:
      return "values";
  }
}

/** What a path reaches: the event's data, or one of the roots that begin with a dollar sign. */
function valuesReader(keys: readonly string[]): ReadField {
  switch (keys[0]) {
    case "$event":
      return (subject) => valuesAt(subject.event, keys, 1, subject.evaluation);
    case "$headers":
      return (subject) => valuesAt(subject.headers, keys, 1, subject.evaluation);
    case "$changes":
      return changesReader(keys);
    default:
      return (subject) => valuesAt(subject.data, keys, 0, subject.evaluation);
  }
}

/**
 * What a path reaches of the field diff: its keys name a field, then `from` or `to`, then what lies within. A field's
 * name may be the diff's own, a JSON pointer, as one key.
 */
function changesReader(keys: readonly string[]): ReadField {
  const fields = keys
    .slice(1)
    .map((_, at) => ({ pointer: pointerOf(keys.slice(1, at + 2)), length: at + 2 }));
  fields.push({ pointer: keys[1] ?? "", length: 2 });
  return ({ changes = {}, evaluation }) =>
    fields.flatMap(({ pointer, length }) =>
      Object.hasOwn(changes, pointer) ? valuesAt(changes[pointer], keys, length, evaluation) : [],
    );
}

function strings(values: readonly unknown[]): string[] {
  return values.filter((one) => typeof one === "string");
}

/** RFC 6901. */
function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
