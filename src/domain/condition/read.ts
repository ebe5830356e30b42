import { type ErrorDetail, HeadraceError } from "../errors.ts";
import type { Condition, Leaf, LeafOperator } from "./ast.ts";
import { instantMs } from "./instant.ts";
import { parseCondition } from "./parse.ts";
import { canonicalPath, pathKeys } from "./path.ts";

/** The bounds of one condition, at registration. */
export const CONDITION_BOUNDS = {
  depth: 8,
  leaves: 64,
  listValues: 1_000,
  needleCharacters: 256,
  treeBytes: 16_384,
  pathKeys: 32,
  keyCharacters: 256,
} as const;

/**
 * Reads a condition from outside: text, or a tree. Answers it in its one form (paths as text where text can show
 * them, no group of one, no `exists: true`). Throws `invalid_condition` naming the place in the tree, or the offset
 * in the text, what is there and what was expected.
 */
export function readCondition(value: unknown): Condition {
  const tree = typeof value === "string" ? parseCondition(value) : value;
  const condition = readNode(tree, "where", 1, { count: 0 });
  const size = Buffer.byteLength(JSON.stringify(condition));
  if (size > CONDITION_BOUNDS.treeBytes)
    refuse("where", `at most ${CONDITION_BOUNDS.treeBytes} bytes`, `${size} bytes`);
  return condition;
}

function readNode(value: unknown, place: string, depth: number, leaves: { count: number }): Condition {
  const node = readObject(value, place);
  if (depth > CONDITION_BOUNDS.depth)
    refuse(place, `a depth of at most ${CONDITION_BOUNDS.depth}`, `a depth of ${depth}`);
  const { op } = node;
  if (op === "and" || op === "or") {
    refuseOthers(node, place, ["op", "conditions"]);
    const { conditions } = node;
    if (!Array.isArray(conditions) || conditions.length === 0) {
      refuse(`${place}.conditions`, "a list of at least one condition", kindOf(conditions));
    }
    const read = conditions.map((one, index) =>
      readNode(one, `${place}.conditions[${index}]`, depth + 1, leaves),
    );
    return read.length === 1 ? (read[0] as Condition) : { op, conditions: read };
  }
  if (op === "not") {
    refuseOthers(node, place, ["op", "condition"]);
    return { op, condition: readNode(node["condition"], `${place}.condition`, depth + 1, leaves) };
  }
  leaves.count += 1;
  if (leaves.count > CONDITION_BOUNDS.leaves)
    refuse(place, `at most ${CONDITION_BOUNDS.leaves} tests`, "one more");
  return readLeaf(node, place);
}

type ReadValue = (value: unknown, place: string) => unknown;

const READ_VALUE: Readonly<Record<LeafOperator, ReadValue>> = {
  eq: readScalar,
  neq: readScalar,
  gt: readBound,
  gte: readBound,
  lt: readBound,
  lte: readBound,
  in: readList,
  nin: readList,
  contains: readNeedle,
  startsWith: readNeedle,
  endsWith: readNeedle,
  exists: readExistence,
  changed: readNothing,
  changedFrom: readScalar,
  changedTo: readScalar,
};

function readLeaf(node: Record<string, unknown>, place: string): Leaf {
  const { op, path, value, ignoreCase } = node;
  if (typeof op !== "string" || !Object.hasOwn(READ_VALUE, op)) {
    refuse(
      `${place}.op`,
      `one of ${["and", "or", "not", ...Object.keys(READ_VALUE)].join(", ")}`,
      describe(op),
    );
  }
  refuseOthers(node, place, ["op", "path", "value", "ignoreCase"]);
  const operator = op as LeafOperator;
  const leaf: Leaf = { op: operator, path: readPath(path, `${place}.path`) };
  const read = READ_VALUE[operator](value, `${place}.value`);
  if (read !== undefined) leaf.value = read;
  if (ignoreCase !== undefined) readIgnoreCase(leaf, ignoreCase, `${place}.ignoreCase`);
  return leaf;
}

function readIgnoreCase(leaf: Leaf, value: unknown, place: string): void {
  if (typeof value !== "boolean") refuse(place, "true or false", kindOf(value));
  if (!["contains", "startsWith", "endsWith"].includes(leaf.op)) {
    refuse(place, "only with contains, startsWith and endsWith", `with ${leaf.op}`);
  }
  if (value) leaf.ignoreCase = true;
}

const FORBIDDEN_KEYS = ["__proto__", "constructor", "prototype"];

/** A path from outside in its one form. Throws `invalid_condition` with the place where it is none. */
export function readPath(path: unknown, place: string): string | string[] {
  const isKeys = Array.isArray(path) && path.every((key) => typeof key === "string");
  if (typeof path !== "string" && !isKeys)
    refuse(place, "a path: text with dots, or a list of keys", kindOf(path));
  const keys = pathKeys(path as string | string[]);
  const { pathKeys: maxKeys, keyCharacters } = CONDITION_BOUNDS;
  if (keys.length === 0 || keys.length > maxKeys)
    refuse(place, `1 to ${maxKeys} keys`, `${keys.length} keys`);
  if (keys.some((key) => key === "" || key.length > keyCharacters))
    refuse(place, `keys of 1 to ${keyCharacters} characters`, "another");
  const forbidden = keys.find((key) => FORBIDDEN_KEYS.includes(key));
  if (forbidden !== undefined) refuse(place, `no key ${FORBIDDEN_KEYS.join(", ")}`, forbidden);
  for (const key of keys) readText(key, place);
  if (keys.length === 1 && ["$event", "$headers", "$changes"].includes(keys[0] as string)) {
    refuse(place, `a key behind ${keys[0]}`, "none");
  }
  // Headers are kept by their names in lower case.
  const [root, name, ...within] = keys;
  return canonicalPath(
    root === "$headers" && name !== undefined ? [root, name.toLowerCase(), ...within] : keys,
  );
}

function readScalar(value: unknown, place: string): string | number | boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return readText(value, place);
  if (typeof value === "number") return readNumber(value, place);
  return refuse(place, "a string, a number or a boolean", kindOf(value));
}

function readNumber(value: number, place: string): number {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    refuse(place, "a number within ±(2^53-1); compare ids as strings", String(value));
  }
  return value === 0 ? 0 : value;
}

function readBound(value: unknown, place: string): string | number {
  if (typeof value === "number") return readNumber(value, place);
  if (typeof value === "string" && instantMs(value) !== undefined) return value;
  return refuse(place, "a number, or an RFC 3339 time with a zone", describe(value));
}

function readList(value: unknown, place: string): unknown[] {
  if (!Array.isArray(value)) refuse(place, "a list of values", kindOf(value));
  const { listValues } = CONDITION_BOUNDS;
  if (value.length === 0 || value.length > listValues)
    refuse(place, `1 to ${listValues} values`, `${value.length} values`);
  return value.map((one, index) => readScalar(one, `${place}[${index}]`));
}

function readNeedle(value: unknown, place: string): string {
  const { needleCharacters } = CONDITION_BOUNDS;
  if (typeof value !== "string") refuse(place, "a string", kindOf(value));
  if (value.length === 0 || value.length > needleCharacters) {
    refuse(place, `1 to ${needleCharacters} characters`, `${value.length} characters`);
  }
  return readText(value, place);
}

/** What PostgreSQL cannot store in JSON: NUL, and halves of surrogate pairs. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

function readText(value: string, place: string): string {
  if (UNSTORABLE.test(value)) refuse(place, "text without NUL and halves of surrogate pairs", "one of them");
  return value;
}

function readExistence(value: unknown, place: string): false | undefined {
  if (value !== undefined && typeof value !== "boolean")
    refuse(place, "true, false or nothing", kindOf(value));
  return value === false ? false : undefined;
}

function readNothing(value: unknown, place: string): undefined {
  if (value !== undefined) refuse(place, "nothing", kindOf(value));
  return undefined;
}

function readObject(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    refuse(place, "a condition", kindOf(value));
  return value as Record<string, unknown>;
}

function refuseOthers(node: Record<string, unknown>, place: string, known: readonly string[]): void {
  const other = Object.keys(node).find((key) => !known.includes(key));
  if (other !== undefined)
    refuse(`${place}.${other.slice(0, 100)}`, `only ${known.join(", ")}`, "another field");
}

function describe(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return value === null ? "null" : "nothing";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function refuse(field: string, expected: string, got: string): never {
  const details: ErrorDetail[] = [{ field, expected, got }];
  throw new HeadraceError("invalid_condition", `${field}: expected ${expected}, got ${got}`, { details });
}
