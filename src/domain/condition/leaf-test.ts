import type { Leaf } from "./ast.ts";
import { instantMs } from "./instant.ts";

/** What a leaf asks of the values of its field (`fieldReader`). */
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
  /** For `in` and `nin` an array or a set, for orders a number, for `exists` and `absent` undefined. */
  operand: unknown;
}

/** Longer lists are asked as a set. */
const MAX_LISTED = 8;

/** The test of a checked leaf. */
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
      return { op, operand: list.length > MAX_LISTED ? new Set(list) : list };
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
 * Whether the values of a field pass a test. Values are equal when they have one type and are the same; no condition
 * holds a number that a double cannot hold exactly, so that an event's number beyond those equals none.
 */
export function passes({ op, operand }: LeafTest, values: readonly unknown[]): boolean {
  switch (op) {
    case "exists":
      return values.length > 0;
    case "absent":
      return values.length === 0;
    case "neq":
    case "nin":
      if (values.length === 0) return false;
      for (const value of values) {
        if (op === "neq" ? value === operand : isAmong(operand, value)) return false;
      }
      return true;
    default:
      for (const value of values) {
        if (passesAlone(op, operand, value)) return true;
      }
      return false;
  }
}

function passesAlone(op: LeafTest["op"], operand: unknown, value: unknown): boolean {
  switch (op) {
    case "eq":
      return value === operand;
    case "in":
      return isAmong(operand, value);
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
    default:
      return false;
  }
}

function isAmong(list: unknown, value: unknown): boolean {
  return Array.isArray(list) ? list.includes(value) : (list as ReadonlySet<unknown>).has(value);
}
