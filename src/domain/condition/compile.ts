import assert from "node:assert";
import type { Condition, Leaf } from "./ast.ts";

/** What a condition is asked about. */
export interface ConditionSubject {
  data: unknown;
  /** What `$event.` reaches. */
  event: Record<string, unknown>;
  /** What `$headers.` reaches. */
  headers: Record<string, string>;
  /** What `$changes.` and the changed operators reach. */
  changes?: Record<string, { from?: unknown; to?: unknown }>;
}

type Predicate = (subject: ConditionSubject) => boolean;

/** Makes a predicate of a checked condition. It never throws, and reads own properties only. */
export function compileCondition(condition: Condition): Predicate {
  switch (condition.op) {
    case "and": {
      const all = condition.conditions.map(compileCondition);
      return (subject) => all.every((holds) => holds(subject));
    }
    case "or": {
      const any = condition.conditions.map(compileCondition);
      return (subject) => any.some((holds) => holds(subject));
    }
    case "not": {
      const holds = compileCondition(condition.condition);
      return (subject) => !holds(subject);
    }
    default:
      return compileLeaf(condition);
  }
}

function compileLeaf(leaf: Leaf): Predicate {
  const valuesAt = compilePath(leaf.path);
  const some = (test: (value: unknown) => boolean): Predicate => (subject) => valuesAt(subject).some(test);
  const { value } = leaf;
  switch (leaf.op) {
    case "eq":
      return some((seen) => equal(seen, value));
    case "neq":
      return none(valuesAt, (seen) => equal(seen, value));
    case "in":
      return some((seen) => (value as unknown[]).some((one) => equal(seen, one)));
    case "nin":
      return none(valuesAt, (seen) => (value as unknown[]).some((one) => equal(seen, one)));
    case "gt":
      return some((seen) => typeof seen === "number" && seen > (value as number));
    case "gte":
      return some((seen) => typeof seen === "number" && seen >= (value as number));
    case "lt":
      return some((seen) => typeof seen === "number" && seen < (value as number));
    case "lte":
      return some((seen) => typeof seen === "number" && seen <= (value as number));
    case "contains":
      return some((seen) => typeof seen === "string" && seen.includes(value as string));
    case "startsWith":
      return some((seen) => typeof seen === "string" && seen.startsWith(value as string));
    case "endsWith":
      return some((seen) => typeof seen === "string" && seen.endsWith(value as string));
    case "exists":
      return value === false ? (subject) => valuesAt(subject).length === 0 : some(() => true);
    default:
      assert.fail(`The operator ${leaf.op} cannot be compiled`);
  }
}

/** Present, and no value there passes the test. */
function none(valuesAt: (subject: ConditionSubject) => unknown[], test: (value: unknown) => boolean): Predicate {
  return (subject) => {
    const values = valuesAt(subject);
    return values.length > 0 && !values.some(test);
  };
}

function equal(seen: unknown, value: unknown): boolean {
  return typeof seen === typeof value && seen === value;
}

const MAX_ARRAY_LEVELS = 8;
const MAX_ELEMENTS = 1_000;

/** All values at a path that are not null; arrays on the way are walked through, and so is one at its end. */
function compilePath(path: string | string[]): (subject: ConditionSubject) => unknown[] {
  const keys = typeof path === "string" ? splitPath(path) : path;
  const [root] = keys;
  if (root === "$event") return (subject) => collect(subject.event, keys, 1);
  if (root === "$headers") return (subject) => collect(subject.headers, keys, 1);
  if (root === "$changes") return (subject) => collect(subject.changes, keys, 1);
  return (subject) => collect(subject.data, keys, 0);
}

function splitPath(path: string): string[] {
  return path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
}

function collect(root: unknown, keys: string[], from: number): unknown[] {
  const found: unknown[] = [];
  walk(root, keys, from, 0, found);
  return found;
}

function walk(value: unknown, keys: string[], at: number, arrays: number, found: unknown[]): void {
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) {
    const key = keys[at];
    if (key !== undefined && /^\d+$/.test(key) && Number(key) < value.length) {
      walk(value[Number(key)], keys, at + 1, arrays, found);
      return;
    }
    if (at === keys.length) found.push(value);
    if (arrays === MAX_ARRAY_LEVELS) return;
    for (const element of value.slice(0, MAX_ELEMENTS)) walk(element, keys, at, arrays + 1, found);
    return;
  }
  const key = keys[at];
  if (key === undefined) {
    found.push(value);
    return;
  }
  if (typeof value === "object" && Object.hasOwn(value, key)) {
    walk((value as Record<string, unknown>)[key], keys, at + 1, arrays, found);
  }
}
