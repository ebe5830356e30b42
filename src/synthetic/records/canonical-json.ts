import { pathKeys } from "../../domain/condition/path.ts";
import { ExactNumber } from "../../domain/json/exact-number.ts";
import { canonicalNumber } from "./record-number.ts";
import { childRule, elementRule, type FieldRule } from "./record-options.ts";

/** Deepest nesting of objects and arrays in a record. */
export const MAX_DEPTH = 64;

/** A value without a canonical form. */
export class NotCanonicalError extends Error {
  override readonly name = "NotCanonicalError";
}

/** Rules beyond RFC 8785: fields to omit and arrays to sort. */
export interface CanonicalOptions {
  rules?: FieldRule | undefined;
  nullEqualsMissing?: boolean;
}

/** Writes the canonical form of a value; throws `NotCanonicalError`. Caches the key order of objects. */
export type Canonicalize = (value: unknown, rule?: FieldRule | undefined) => string;

/**
 * Returns a writer of RFC 8785 (JSON Canonicalization Scheme) that first applies the rules. Properties that are
 * undefined are absent. Lone surrogates are written as escapes, where the RFC fails: they differ from all other text,
 * so that changes of such a record are still found. Numbers that no double has are written with their digits.
 */
export function canonicalizer({ rules, nullEqualsMissing = false }: CanonicalOptions = {}): Canonicalize {
  const shapeOf = shapeCache();

  function write(value: unknown, rule: FieldRule | undefined, depth: number): string {
    switch (typeof value) {
      case "string":
        return quote(value);
      case "number":
        if (!Number.isFinite(value)) throw new NotCanonicalError(`${value} is not a JSON number`);
        return `${value}`;
      case "boolean":
        return value ? "true" : "false";
      case "object":
        if (value === null) return "null";
        if (value instanceof ExactNumber) return canonicalNumber(value);
        if (depth === MAX_DEPTH) throw new NotCanonicalError(`It is nested deeper than ${MAX_DEPTH} levels`);
        return Array.isArray(value)
          ? writeArray(value, rule, depth + 1)
          : writeObject(value as Record<string, unknown>, rule, depth + 1);
      default:
        throw new NotCanonicalError(`A ${typeof value} is not a JSON value`);
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

/** Returns the RFC 8785 form of a value without any rules. */
export function canonicalJson(value: unknown): string {
  return canonicalizer()(value);
}

/** Returns the value at a dotted path. Follows own properties of objects only. */
export function valueAt(value: unknown, path: string): unknown {
  return valueAtKeys(value, pathKeys(path));
}

/** Returns the value at a path that was split by `pathKeys`. */
export function valueAtKeys(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && !Array.isArray(at) && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

/** Text without control characters, quotes, backslashes and surrogates. */
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** Quotes a string as ECMAScript and the RFC do. The test is much cheaper than the call. */
function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function inOrderOfKeys(array: readonly unknown[], texts: readonly string[], path: string): readonly string[] {
  // An ignored element has no text, so the texts alone give the order.
  if (texts.length !== array.length) return [...texts].sort();
  return texts
    .map((text, index) => ({ text, key: canonicalJson(valueAt(array[index], path) ?? null) }))
    .sort((left, right) => compare(left.key, right.key) || compare(left.text, right.text))
    .map(({ text }) => text);
}

/** Compares by UTF-16 code units, as the RFC orders keys. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Shape {
  /** Keys in the object's order. */
  found: readonly string[];
  /** Keys in the order of UTF-16 code units. */
  keys: readonly string[];
  /** Each key quoted, with its colon. */
  heads: readonly string[];
}

const MAX_CACHED_KEYS = 256;
const MAX_SHAPES_PER_LENGTH = 8;

/** Caches sorted and quoted keys, since records of one type have few different sets of keys. */
function shapeCache(): (found: readonly string[]) => Shape {
  const byLength: Shape[][] = [];
  return (found) => {
    if (found.length > MAX_CACHED_KEYS) return shape(found);
    const known = byLength[found.length];
    const hit = known?.find((shape) => sameKeys(shape.found, found));
    if (hit !== undefined) return hit;
    const made = shape(found);
    byLength[found.length] = [made, ...(known ?? [])].slice(0, MAX_SHAPES_PER_LENGTH);
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
