import type { Condition } from "./ast.ts";
import { type ConditionSubject, fieldReader } from "./field.ts";
import { leafTest, passes } from "./leaf-test.ts";

export type Predicate = (subject: ConditionSubject) => boolean;

/** Makes a predicate of a checked condition. It never throws. */
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
    default: {
      const read = fieldReader(condition);
      const test = leafTest(condition);
      return (subject) => passes(test, read(subject));
    }
  }
}
