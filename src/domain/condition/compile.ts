import type { Condition } from "./ast.ts";
import { type ConditionSubject, fieldName, fieldReader } from "./field.ts";
import { leafTest, passes } from "./leaf-test.ts";

/** Tells whether a subject meets a condition. */
export type CompiledCondition = (subject: ConditionSubject) => boolean;

/**
 * Compiles a checked condition. The result never throws. For a subject with an evaluation the result may be provisional:
 * see `Evaluation.settle`.
 */
export function compileCondition(condition: Condition): CompiledCondition {
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
      const name = fieldName(condition);
      return (subject) => {
        const { evaluation } = subject;
        if (evaluation === undefined) return passes(test, read(subject));
        return evaluation.passes(test, name, evaluation.valuesOf(name, read, subject), passes);
      };
    }
  }
}
