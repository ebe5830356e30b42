/** A path that text can show without quoting: keys of word characters, joined by dots; `\.` is a dot in a key. */
const BARE_PATH = /^(?:[A-Za-z0-9_$@-]|\\\.)+(?:\.(?:[A-Za-z0-9_$@-]|\\\.)+)*$/;

/** The keys of a path. */
export function pathKeys(path: string | readonly string[]): readonly string[] {
  return typeof path === "string" ? path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", ".")) : path;
}

/** The one form of a path: dotted text where text can show it, an array of keys elsewhere. */
export function canonicalPath(keys: readonly string[]): string | string[] {
  const text = keys.map((key) => key.replaceAll(".", "\\.")).join(".");
  return BARE_PATH.test(text) && !isKeyword(text) && !keys.some((key) => key.includes("\\"))
    ? text
    : [...keys];
}

const KEYWORDS = new Set([
  "and",
  "or",
  "not",
  "eq",
  "neq",
  "gt",
  "gte",
  "lt",
  "lte",
  "in",
  "nin",
  "contains",
  "startswith",
  "endswith",
  "exists",
  "changed",
  "changedfrom",
  "changedto",
  "ignorecase",
  "true",
  "false",
  "null",
]);

/** Words that are the language's own, in any case. */
export function isKeyword(word: string): boolean {
  return KEYWORDS.has(word.toLowerCase());
}

/** No array on the way is walked deeper, and no more of its elements are asked. */
const MAX_ARRAY_LEVELS = 8;
const MAX_ELEMENTS = 1_000;

/**
 * All values at the keys that are neither absent nor null, own properties only. Arrays on the way are walked through;
 * a numeric key indexes first. An array at the end is a value, and so is each of its elements.
 */
export function valuesAt(root: unknown, keys: readonly string[], from = 0): unknown[] {
  const found: unknown[] = [];
  collect(root, keys, from, 0, found);
  return found;
}

function collect(
  value: unknown,
  keys: readonly string[],
  at: number,
  arrays: number,
  found: unknown[],
): void {
  if (value === null || value === undefined) return;
  const key = keys[at];
  if (Array.isArray(value)) {
    if (key === undefined) found.push(value);
    else if (/^\d+$/.test(key) && Number(key) < value.length) {
      collect(value[Number(key)], keys, at + 1, arrays, found);
      return;
    }
    if (arrays === MAX_ARRAY_LEVELS) return;
    const count = Math.min(value.length, MAX_ELEMENTS);
    for (let index = 0; index < count; index += 1) collect(value[index], keys, at, arrays + 1, found);
    return;
  }
  if (key === undefined) {
    found.push(value);
    return;
  }
  if (typeof value === "object" && Object.hasOwn(value, key)) {
    collect((value as Record<string, unknown>)[key], keys, at + 1, arrays, found);
  }
}
