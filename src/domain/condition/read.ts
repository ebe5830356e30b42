import { type ErrorDetail, HeadraceError } from "../errors.ts";
import { ExactNumber, writeJson } from "../json/exact-number.ts";
import type { Condition, Leaf, LeafOperator } from "./ast.ts";
import { instantMs } from "./instant.ts";
import { parseCondition } from "./parse.ts";
import { canonicalPath, pathKeys } from "./path.ts";

/** The limits of one condition, checked when it is stored. */
const LIMITS = {
  depth: 8,
  leaves: 64,
  listValues: 1_000,
  needleCharacters: 256,
  numberDigits: 64,
  exponent: 400,
  treeBytes: 16_384,
  pathKeys: 32,
  keyCharacters: 256,
} as const;

/**
 * Checks a condition given as text or as a tree, and returns its canonical form: paths as text where possible, no group of
 * one, no `exists: true`. Throws `invalid_condition` with the field of the tree or the offset in the text, the value
 * found and the one expected.
 */
export function readCondition(value: unknown): Condition {
  const tree = typeof value === "string" ? parseCondition(value) : value;
  const condition = readNode(tree, "where", 1, { count: 0 });
  const size = Buffer.byteLength(writeJson(condition));
  if (size > LIMITS.treeBytes) refuse("where", `at most ${LIMITS.treeBytes} bytes`, `${size} bytes`);
  return condition;
}

function readNode(value: unknown, field: string, depth: number, leaves: { count: number }): Condition {
  const node = readObject(value, field);
  if (depth > LIMITS.depth) refuse(field, `a depth of at most ${LIMITS.depth}`, `a depth of ${depth}`);
  const { op } = node;
  if (op === "and" || op === "or") {
    refuseOthers(node, field, ["op", "conditions"]);
    const { conditions } = node;
    if (!Array.isArray(conditions) || conditions.length === 0) {
      refuse(`${field}.conditions`, "a list of at least one condition", kindOf(conditions));
    }
    const read = conditions.map((one, index) =>
      readNode(one, `${field}.conditions[${index}]`, depth + 1, leaves),
    );
    return read.length === 1 ? (read[0] as Condition) : { op, conditions: read };
  }
  if (op === "not") {
    refuseOthers(node, field, ["op", "condition"]);
    return { op, condition: readNode(node["condition"], `${field}.condition`, depth + 1, leaves) };
  }
  leaves.count += 1;
  if (leaves.count > LIMITS.leaves) refuse(field, `at most ${LIMITS.leaves} tests`, "one more");
  return readLeaf(node, field);
}

type ReadValue = (value: unknown, field: string) => unknown;

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

function readLeaf(node: Record<string, unknown>, field: string): Leaf {
  const { op, path, value, ignoreCase } = node;
  if (typeof op !== "string" || !Object.hasOwn(READ_VALUE, op)) {
    refuse(
      `${field}.op`,
      `one of ${["and", "or", "not", ...Object.keys(READ_VALUE)].join(", ")}`,
      describe(op),
    );
  }
  refuseOthers(node, field, ["op", "path", "value", "ignoreCase"]);
  const operator = op as LeafOperator;
  const leaf: Leaf = { op: operator, path: readPath(path, `${field}.path`) };
  const read = READ_VALUE[operator](value, `${field}.value`);
  if (read !== undefined) leaf.value = read;
  if (ignoreCase !== undefined) readIgnoreCase(leaf, ignoreCase, `${field}.ignoreCase`);
  return leaf;
}

function readIgnoreCase(leaf: Leaf, value: unknown, field: string): void {
  if (typeof value !== "boolean") refuse(field, "true or false", kindOf(value));
  if (!["contains", "startsWith", "endsWith"].includes(leaf.op)) {
    refuse(field, "only with contains, startsWith and endsWith", `with ${leaf.op}`);
  }
  if (value) leaf.ignoreCase = true;
}

const FORBIDDEN_KEYS = ["__proto__", "constructor", "prototype"];

/** Checks a path and returns its canonical form. Throws `invalid_condition` for `field` if it is not a path. */
export function readPath(path: unknown, field: string): string | string[] {
  const isKeys = Array.isArray(path) && path.every((key) => typeof key === "string");
  if (typeof path !== "string" && !isKeys)
    refuse(field, "a path: text with dots, or a list of keys", kindOf(path));
  const keys = pathKeys(path as string | string[]);
  const { pathKeys: maxKeys, keyCharacters } = LIMITS;
  if (keys.length === 0 || keys.length > maxKeys)
    refuse(field, `1 to ${maxKeys} keys`, `${keys.length} keys`);
  if (keys.some((key) => key === "" || key.length > keyCharacters))
    refuse(field, `keys of 1 to ${keyCharacters} characters`, "another");
  const forbidden = keys.find((key) => FORBIDDEN_KEYS.includes(key));
  if (forbidden !== undefined) refuse(field, `no key ${FORBIDDEN_KEYS.join(", ")}`, forbidden);
  for (const key of keys) readText(key, field);
  if (keys.length === 1 && ["$event", "$headers", "$changes"].includes(keys[0] as string)) {
    refuse(field, `a key behind ${keys[0]}`, "none");
  }
  // Headers are stored with lower-case names.
  const [root, name, ...within] = keys;
  return canonicalPath(
    root === "$headers" && name !== undefined ? [root, name.toLowerCase(), ...within] : keys,
  );
}

function readScalar(value: unknown, field: string): string | number | boolean | ExactNumber {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return readText(value, field);
  if (typeof value === "number" || value instanceof ExactNumber) return readNumber(value, field);
  return refuse(field, "a string, a number or a boolean", kindOf(value));
}

/** Returns a number as a JavaScript number if one has its decimal value, so that equal conditions look alike. */
function readNumber(value: number | ExactNumber, field: string): number | ExactNumber {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(field, "a finite number", String(value));
    return value === 0 ? 0 : value;
  }
  const { digits, exponent } = value.decimal;
  if (digits.length > LIMITS.numberDigits) {
    refuse(field, `a number of at most ${LIMITS.numberDigits} significant digits`, `${digits.length} digits`);
  }
  if (Math.abs(exponent) > LIMITS.exponent) {
    refuse(field, `a number between 1e-${LIMITS.exponent} and 1e${LIMITS.exponent}`, "one far outside of it");
  }
  return value.plain ?? value;
}

function readBound(value: unknown, field: string): string | number | ExactNumber {
  if (typeof value === "number" || value instanceof ExactNumber) return readNumber(value, field);
  if (typeof value === "string" && instantMs(value) !== undefined) return value;
  return refuse(field, "a number, or an RFC 3339 time with a zone", describe(value));
}

function readList(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) refuse(field, "a list of values", kindOf(value));
  const { listValues } = LIMITS;
  if (value.length === 0 || value.length > listValues)
    refuse(field, `1 to ${listValues} values`, `${value.length} values`);
  return value.map((one, index) => readScalar(one, `${field}[${index}]`));
}

function readNeedle(value: unknown, field: string): string {
  const { needleCharacters } = LIMITS;
  if (typeof value !== "string") refuse(field, "a string", kindOf(value));
  if (value.length === 0 || value.length > needleCharacters) {
    refuse(field, `1 to ${needleCharacters} characters`, `${value.length} characters`);
  }
  return readText(value, field);
}

/** Characters that PostgreSQL cannot store in JSON: NUL and lone surrogates. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

function readText(value: string, field: string): string {
  if (UNSTORABLE.test(value)) refuse(field, "text without NUL and halves of surrogate pairs", "one of them");
  return value;
}

function readExistence(value: unknown, field: string): false | undefined {
  if (value !== undefined && typeof value !== "boolean")
    refuse(field, "true, false or nothing", kindOf(value));
  return value === false ? false : undefined;
}

function readNothing(value: unknown, field: string): undefined {
  if (value !== undefined) refuse(field, "nothing", kindOf(value));
  return undefined;
}

function readObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof ExactNumber)
    refuse(field, "a condition", kindOf(value));
  return value as Record<string, unknown>;
}

function refuseOthers(node: Record<string, unknown>, field: string, known: readonly string[]): void {
  const other = Object.keys(node).find((key) => !known.includes(key));
  if (other !== undefined)
    refuse(`${field}.${other.slice(0, 100)}`, `only ${known.join(", ")}`, "another field");
}

function describe(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return value === null ? "null" : "nothing";
  if (value instanceof ExactNumber) return "a number";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function refuse(field: string, expected: string, got: string): never {
  const details: ErrorDetail[] = [{ field, expected, got }];
  throw new HeadraceError("invalid_condition", `${field}: expected ${expected}, got ${got}`, { details });
}
