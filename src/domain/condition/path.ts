/** A path that needs no quoting: keys of word characters, joined by dots; `\.` is a dot in a key. */
const BARE_PATH = /^(?:[A-Za-z0-9_$@-]|\\\.)+(?:\.(?:[A-Za-z0-9_$@-]|\\\.)+)*$/;

/** Returns the keys of a path. */
export function pathKeys(path: string | readonly string[]): readonly string[] {
  return typeof path === "string" ? path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", ".")) : path;
}

/** Returns the canonical form of a path: dotted text where possible, else an array of keys. */
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

/** Whether a word is a keyword of the language, in any case. */
export function isKeyword(word: string): boolean {
  return KEYWORDS.has(word.toLowerCase());
}
