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
  /** An array or a set for `in` and `nin`, a number for comparisons, undefined for `exists` and `absent`. */
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
      return { op, operand: list.length > MAX_LIST ? new Set(list) : list };
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
 * Whether the values of a field pass a test. Equality is strict. Operands are within the safe integers, so an event's
 * number beyond them, which may be rounded, equals none.
 */
export function passes({ op, operand }: LeafTest, values: readonly unknown[]): boolean {
  switch (op) {
    case "eq":
      for (const value of values) if (value === operand) return true;
      return false;
    case "in":
      for (const value of values) if (isAmong(operand, value)) return true;
      return false;
    case "neq":
      for (const value of values) if (value === operand) return false;
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
      return typeof value === "number" && value > (operand as number);
    case "gte":
      return typeof value === "number" && value >= (operand as number);
    case "lt":
      return typeof value === "number" && value < (operand as number);
    case "lte":
      return typeof value === "number" && value <= (operand as number);
    case "contains":
      return typeof value === "string" && value.includes(operand as string);
    case "startsWith":
      return typeof value === "string" && value.startsWith(operand as string);
    case "endsWith":
      return typeof value === "string" && value.endsWith(operand as string);
  }
}

function isAmong(list: unknown, value: unknown): boolean {
  if (!Array.isArray(list)) return (list as ReadonlySet<unknown>).has(value);
  for (const one of list) if (one === value) return true;
  return false;
}
