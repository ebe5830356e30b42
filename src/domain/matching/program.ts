import type { Entry } from "./entry.ts";
import type { Plan } from "./plan.ts";
import type { Step } from "./predicate.ts";
import type { Search } from "./search.ts";

/**
 * A condition ready to be asked: one step alone, or steps in a row, each followed by where to go on when it is met
 * and when not. It is neither a tree nor closures: those lie about in memory, and fetching them from there takes far
 * longer than asking.
 */
export type Program = Step | readonly (Step | number)[];

/** Where a row of steps ends. */
const MET = -1;
const NOT_MET = -2;

/** A step, and the two places that follow it. */
const WIDTH = 3;

export function programOf(plan: Plan): Program {
  switch (plan.op) {
    case "and":
    case "or":
    case "not": {
      const row = new Array<Step | number>(sizeOf(plan));
      write(row, 0, plan, MET, NOT_MET);
      return row;
    }
    default:
      return plan;
  }
}

/** The steps, in the order of their asking. */
export function stepsOf(program: Program): Step[] {
  return Array.isArray(program) ? program.filter((_, at) => at % WIDTH === 0) : [program as Step];
}

/** Whether the event that is searched for meets a condition. Of the step `known` it is known that it does. */
export function isMet(program: Program, search: Search, known?: unknown): boolean {
  if (!Array.isArray(program)) return search.meets(program as Step);
  let at = 0;
  while (at >= 0) {
    const step = program[at] as Step;
    const holds = step === known || search.meets(step);
    at = program[at + (holds ? 1 : 2)] as number;
  }
  return at === MET;
}

/**
 * Steps of several conditions behind each other, and behind those of each what it belongs to. Each step is followed by
 * how far ahead to go on when it is met and when not; a number below 0 is how far back of what is met, which is there.
 */
export type Row = readonly (Step | number | Entry)[];

/** A condition as part of a row. */
export function rowOf(program: Program, entry: Entry): Row {
  const steps = Array.isArray(program) ? program : [program as Step, MET, NOT_MET];
  const row: (Step | number | Entry)[] = steps.map((one, at) => {
    if (typeof one !== "number") return one;
    const from = at - (at % WIDTH);
    if (one === MET) return from - steps.length;
    return (one === NOT_MET ? steps.length + 1 : one) - from;
  });
  return [...row, entry];
}

/** The row without the steps of an entry that it holds. */
export function withoutEntry(row: Row, entry: Entry): Row {
  const end = row.indexOf(entry);
  const start = row.findLastIndex((one, at) => at < end && typeof one === "object" && "trigger" in one) + 1;
  return row.toSpliced(start, end + 1 - start);
}

function sizeOf(plan: Plan): number {
  if (plan.op !== "and" && plan.op !== "or") return WIDTH;
  return plan.parts.reduce((size, part) => size + sizeOf(part), 0);
}

function write(row: (Step | number)[], at: number, plan: Plan, onMet: number, onNot: number): void {
  switch (plan.op) {
    case "and":
    case "or": {
      let [from, left] = [at, plan.parts.length];
      for (const part of plan.parts) {
        const next = from + sizeOf(part);
        left -= 1;
        if (left === 0) write(row, from, part, onMet, onNot);
        else if (plan.op === "and") write(row, from, part, next, onNot);
        else write(row, from, part, onMet, next);
        from = next;
      }
      return;
    }
    case "not":
      write(row, at, plan.step, onNot, onMet);
      return;
    default:
      row[at] = plan;
      row[at + 1] = onMet;
      row[at + 2] = onNot;
  }
}
