import type { Leaf } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { instantMs } from "./instant.ts";
import { pathKeys } from "./path.ts";
import { valuesAt } from "./values.ts";

/** The event, as a condition sees it. */
export interface ConditionSubject {
  data: unknown;
  /** The root of `$event.`: the envelope, by the API's names. */
  event: Record<string, unknown>;
  /** The root of `$headers.`. */
  headers: Record<string, string>;
  /** The field diff of a synthetic event, by JSON pointer: the root of `$changes.` and of the changed operators. */
  changes?: Record<string, { from?: unknown; to?: unknown }>;
  /** Defers expensive work. Without one, all work is done immediately. */
  evaluation?: Evaluation;
}

/** Returns the values that a leaf tests; none if the field is absent or null. */
export type ReadField = (subject: ConditionSubject) => readonly unknown[];

/**
 * The form in which a leaf reads its path. Most read the values. A comparison of times reads the times among them, as
 * numbers, and `ignoreCase` the strings in lower case. The changed operators read the field diff.
 */
type View = "values" | "times" | "lowered" | "changed" | "from" | "to";

/** Names the values that a leaf reads. Leaves with the same name read the same values, so an event is read once for all. */
export function fieldName(leaf: Leaf): string {
  const { path } = leaf;
  return `${viewOf(leaf)}${typeof path === "string" ? ` ${path}` : JSON.stringify(path)}`;
}

/** Returns the reader of the values that a leaf tests. It reads own properties only, and never throws. */
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

/** Returns a reader below the event's data, or below one of the roots that begin with a dollar sign. */
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
 * Returns a reader of the field diff. The keys name a field, then `from` or `to`, then a path within the value. The field
 * may also be named by one key, its JSON pointer.
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

/** Returns the JSON pointer (RFC 6901) of keys. */
function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
