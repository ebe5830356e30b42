import { pathKeys } from "../../domain/condition/path.ts";
import { childRule, elementRule, type FieldRule } from "./record-options.ts";

/** Objects and arrays of a record nest no deeper. */
export const MAX_DEPTH = 64;

/** A value that has no canonical form, and why. */
export class NotCanonicalError extends Error {
  override readonly name = "NotCanonicalError";
}

/** What the canonical form leaves out or puts in order beside the keys. */
export interface CanonicalOptions {
  rules?: FieldRule | undefined;
  nullEqualsMissing?: boolean;
}

/** Writes the canonical form of a value; throws `NotCanonicalError`. Remembers the shapes of objects it has seen. */
export type Canonicalize = (value: unknown, rule?: FieldRule | undefined) => string;

/**
 * Makes a writer of RFC 8785 (JSON Canonicalization Scheme), after the rules took out what is ignored and sorted what
 * has no order. A property that is undefined is absent. Lone surrogates are written as escapes, where the RFC gives
 * up: they are distinct from all other text, and a record with one still has its changes.
 */
export function canonicalizer({ rules, nullEqualsMissing = false }: CanonicalOptions = {}): Canonicalize {
  const shapeOf = shapeCache();

  function write(value: unknown, rule: FieldRule | undefined, depth: number): string {
    switch (typeof value) {
      case "string":
        return quote(value);
      case "number":
        if (!Number.isFinite(value)) throw new NotCanonicalError(`${value} is no JSON number`);
        return `${value}`;
      case "boolean":
        return value ? "true" : "false";
      case "object":
        if (value === null) return "null";
        if (depth === MAX_DEPTH) throw new NotCanonicalError(`It nests deeper than ${MAX_DEPTH} levels`);
        return Array.isArray(value)
          ? writeArray(value, rule, depth + 1)
          : writeObject(value as Record<string, unknown>, rule, depth + 1);
      default:
        throw new NotCanonicalError(`A ${typeof value} is no JSON value`);
    }
  }

  function writeObject(object: Record<string, unknown>, rule: FieldRule | undefined, depth: number): string {
    const { keys, heads } = shapeOf(Object.keys(object));
    let text = "";
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index] as string;
      const value = object[key];
      if (value === undefined || (nullEqualsMissing && value === null)) continue;
      const child = rule === undefined ? undefined : childRule(rule, key);
      if (child?.ignored === true) continue;
      text += `${text === "" ? "" : ","}${heads[index]}${write(value, child, depth)}`;
    }
    return `{${text}}`;
  }

  function writeArray(array: readonly unknown[], rule: FieldRule | undefined, depth: number): string {
    const texts: string[] = [];
    for (let index = 0; index < array.length; index += 1) {
      const child = rule === undefined ? undefined : elementRule(rule, index);
      if (child?.ignored !== true) texts.push(write(array[index], child, depth));
    }
    if (rule?.set === true) return `[${[...new Set(texts)].sort().join(",")}]`;
    if (rule?.keyedBy !== undefined) return `[${inOrderOfKeys(array, texts, rule.keyedBy).join(",")}]`;
    return `[${texts.join(",")}]`;
  }

  return (value, rule = rules) => write(value, rule, 0);
}

/** RFC 8785 of a value, with nothing left out. */
export function canonicalJson(value: unknown): string {
  return canonicalizer()(value);
}

/** The value at a dotted path, own properties of objects only. */
export function valueAt(value: unknown, path: string): unknown {
  return valueAtKeys(value, pathKeys(path));
}

/** As `valueAt`, of a path that was taken apart. */
export function valueAtKeys(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && !Array.isArray(at) && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

/** Neither a control character, a quote, a backslash nor a surrogate. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** As ECMAScript quotes strings, which is the RFC's way; the test is far cheaper than the call. */
function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function inOrderOfKeys(array: readonly unknown[], texts: readonly string[], path: string): readonly string[] {
  // An ignored element has no text: then only the texts can say in which order.
  if (texts.length !== array.length) return [...texts].sort();
  return texts
    .map((text, index) => ({ text, key: canonicalJson(valueAt(array[index], path) ?? null) }))
    .sort((left, right) => compare(left.key, right.key) || compare(left.text, right.text))
    .map(({ text }) => text);
}

/** By UTF-16 code units, as the RFC orders keys. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Shape {
  /** As the object has them. */
  found: readonly string[];
  /** In the order of UTF-16 code units. */
  keys: readonly string[];
  /** Each key quoted, with its colon. */
  heads: readonly string[];
}

const MAX_CACHED_KEYS = 256;
const MAX_SHAPES_OF_A_LENGTH = 8;

/** Records of one type have few sets of keys: sorting and quoting them is done once for each. */
function shapeCache(): (found: readonly string[]) => Shape {
  const byLength: Shape[][] = [];
  return (found) => {
    if (found.length > MAX_CACHED_KEYS) return shape(found);
    const known = byLength[found.length];
    const hit = known?.find((shape) => sameKeys(shape.found, found));
    if (hit !== undefined) return hit;
    const made = shape(found);
    byLength[found.length] = [made, ...(known ?? [])].slice(0, MAX_SHAPES_OF_A_LENGTH);
    return made;
  };
}

function shape(found: readonly string[]): Shape {
  const keys = [...found].sort();
  return { found, keys, heads: keys.map((key) => `${quote(key)}:`) };
}

function sameKeys(left: readonly string[], right: readonly string[]): boolean {
  for (let index = 0; index < left.length; index += 1) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}
