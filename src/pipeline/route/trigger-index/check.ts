import type { Condition } from "../../../domain/condition/ast.ts";
import { type LeafTest, leafTest, passes } from "../../../domain/condition/leaf-test.ts";
import type { Field, Fields } from "./fields.ts";
import type { Search } from "./search.ts";

/**
 * A condition ready to be asked. It is data and not closures, which would cost a trigger several times the memory,
 * and its leaves share what was read of the event.
 */
export type Check = LeafCheck | GroupCheck | NotCheck;

export interface LeafCheck extends LeafTest {
  readonly field: Field;
}

interface GroupCheck {
  readonly op: "and" | "or";
  readonly checks: readonly Check[];
}

interface NotCheck {
  readonly op: "not";
  readonly check: Check;
}

/** Makes a condition ready. `and` within `and` is one list, and `not` before a test of presence is the other test. */
export function prepareCheck(condition: Condition, fields: Fields): Check {
  switch (condition.op) {
    case "and":
    case "or": {
      const { op } = condition;
      const checks = condition.conditions.map((one) => prepareCheck(one, fields));
      return { op, checks: checks.flatMap((check) => (check.op === op ? check.checks : check)) };
    }
    case "not": {
      const check = prepareCheck(condition.condition, fields);
      if (check.op === "not") return check.check;
      if (check.op === "exists") return { ...check, op: "absent" };
      return check.op === "absent" ? { ...check, op: "exists" } : { op: "not", check };
    }
    default: {
      const { op, operand } = leafTest(condition);
      return { op, operand, field: fields.take(condition) };
    }
  }
}

/** Gives the check's fields back. */
export function releaseCheck(check: Check, fields: Fields): void {
  switch (check.op) {
    case "and":
    case "or":
      for (const one of check.checks) releaseCheck(one, fields);
      return;
    case "not":
      releaseCheck(check.check, fields);
      return;
    default:
      fields.release(check.field);
  }
}

/** Whether the event that is searched for meets a check. */
export function isMet(check: Check, search: Search): boolean {
  switch (check.op) {
    case "and":
      for (const one of check.checks) if (!isMet(one, search)) return false;
      return true;
    case "or":
      for (const one of check.checks) if (isMet(one, search)) return true;
      return false;
    case "not":
      return !isMet(check.check, search);
    default:
      return passes(check, search.valuesOf(check.field));
  }
}
