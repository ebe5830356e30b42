import { compareNumbers, ExactNumber } from "../json/exact-number.ts";
import type { Leaf } from "./ast.ts";
import { instantMs } from "./instant.ts";

/** The test that a leaf applies to the values of its field (see `fieldReader`). */
export interface LeafTest {
  op:
    | "eq"
    | "neq"
    | "in"
    | "nin"
    | "gt"
    | "gte"
    | "lt"
    | "lte"
    | "contains"
    | "startsWith"
    | "endsWith"
    | "exists"
    | "absent";
  /** An array or a set for `in` and `nin`, a number for comparisons, undefined for `exists` and `absent`. Exact numbers are in no set. */
  operand: unknown;
}

/** Longer lists are turned into sets. */
const MAX_LIST = 8;

/** Returns the test of a checked leaf. */
export function leafTest({ op, value, ignoreCase }: Leaf): LeafTest {
  switch (op) {
    case "changed":
      return { op: "exists", operand: undefined };
    case "exists":
      return { op: value === false ? "absent" : "exists", operand: undefined };
    case "changedFrom":
    case "changedTo":
      return { op: "eq", operand: value };
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return { op, operand: typeof value === "string" ? (instantMs(value) ?? Number.NaN) : value };
    case "in":
    case "nin": {
      const list = value as unknown[];
      const isLong = list.length > MAX_LIST && !list.some((one) => one instanceof ExactNumber);
      return { op, operand: isLong ? new Set(list) : list };
    }
    case "contains":
    case "startsWith":
    case "endsWith":
      return { op, operand: ignoreCase ? (value as string).toLowerCase() : value };
    default:
      return { op, operand: value };
  }
}

/**
 * Whether the values of a field pass a test. Equality is strict. Numbers are compared by their decimal values. An operand
 * is an `ExactNumber` only if no JavaScript number has its value.
 */
export function passes({ op, operand }: LeafTest, values: readonly unknown[]): boolean {
  switch (op) {
    case "eq":
      for (const value of values) if (isEqual(value, operand)) return true;
      return false;
    case "in":
      for (const value of values) if (isAmong(operand, value)) return true;
      return false;
    case "neq":
      for (const value of values) if (isEqual(value, operand)) return false;
      return values.length > 0;
    case "nin":
      for (const value of values) if (isAmong(operand, value)) return false;
      return values.length > 0;
    case "exists":
      return values.length > 0;
    case "absent":
      return values.length === 0;
    default:
      for (const value of values) if (passesAlone(op, operand, value)) return true;
      return false;
  }
}

type OrderOrText = Exclude<LeafTest["op"], "eq" | "in" | "neq" | "nin" | "exists" | "absent">;

function passesAlone(op: OrderOrText, operand: unknown, value: unknown): boolean {
  switch (op) {
    case "gt":
      return isOrdered(value, operand, (order) => order > 0);
    case "gte":
      return isOrdered(value, operand, (order) => order >= 0);
    case "lt":
      return isOrdered(value, operand, (order) => order < 0);
    case "lte":
      return isOrdered(value, operand, (order) => order <= 0);
    case "contains":
      return typeof value === "string" && value.includes(operand as string);
    case "startsWith":
      return typeof value === "string" && value.startsWith(operand as string);
    case "endsWith":
      return typeof value === "string" && value.endsWith(operand as string);
  }
}

function isEqual(value: unknown, operand: unknown): boolean {
  if (value === operand) return true;
  if (!(value instanceof ExactNumber)) return false;
  return operand instanceof ExactNumber ? value.key === operand.key : value.plain === operand;
}

function isOrdered(value: unknown, operand: unknown, holds: (order: number) => boolean): boolean {
  if (typeof value !== "number" && !(value instanceof ExactNumber)) return false;
  return holds(compareNumbers(value, operand as number | ExactNumber));
}

function isAmong(list: unknown, value: unknown): boolean {
  if (!Array.isArray(list)) {
    const set = list as ReadonlySet<unknown>;
    return set.has(value instanceof ExactNumber ? (value.plain ?? value) : value);
  }
  for (const one of list) if (isEqual(value, one)) return true;
  return false;
}
