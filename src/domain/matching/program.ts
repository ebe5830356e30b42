import type { Entry } from "./entry.ts";
import type { Plan } from "./plan.ts";
import type { Predicate } from "./predicate.ts";
import type { Search } from "./search.ts";

/**
 * A condition compiled for evaluation: a single predicate, or a flat array of predicates, each followed by two jump
 * targets, for when it is met and when it is not. A tree or closures would be scattered in memory, and fetching them
 * takes far longer than evaluating them.
 */
export type Program = Predicate | readonly (Predicate | number)[];

/** Jump targets that end a program. */
const MET = -1;
const NOT_MET = -2;

/** The slots of one predicate: itself and its two jump targets. */
const WIDTH = 3;

/** Compiles a plan. A plan that is one predicate is its own program. */
export function programOf(plan: Plan): Program {
  switch (plan.op) {
    case "and":
    case "or":
    case "not": {
      const row = new Array<Predicate | number>(sizeOf(plan));
      write(row, 0, plan, MET, NOT_MET);
      return row;
    }
    default:
      return plan;
  }
}

/** Returns the predicates in the order of evaluation. */
export function predicatesOf(program: Program): Predicate[] {
  return Array.isArray(program) ? program.filter((_, index) => index % WIDTH === 0) : [program as Predicate];
}

/** Whether the event of the search meets a condition. The predicate `known` is not evaluated: the event meets it. */
export function isMet(program: Program, search: Search, known?: unknown): boolean {
  if (!Array.isArray(program)) return search.meets(program as Predicate);
  let index = 0;
  while (index >= 0) {
    const predicate = program[index] as Predicate;
    const holds = predicate === known || search.meets(predicate);
    index = program[index + (holds ? 1 : 2)] as number;
  }
  return index === MET;
}

/**
 * Several programs one behind the other, each followed by its entry. Jumps are relative here. A positive number is the
 * distance to the next predicate to evaluate. A negative one means that the condition is met; without its sign it is
 * the distance to the entry.
 */
export type Row = readonly (Predicate | number | Entry)[];

/** Returns a program, followed by its entry, as part of a row. */
export function rowOf(program: Program, entry: Entry): Row {
  const slots = Array.isArray(program) ? program : [program as Predicate, MET, NOT_MET];
  const row: (Predicate | number | Entry)[] = slots.map((slot, index) => {
    if (typeof slot !== "number") return slot;
    const from = index - (index % WIDTH);
    if (slot === MET) return from - slots.length;
    return (slot === NOT_MET ? slots.length + 1 : slot) - from;
  });
  return [...row, entry];
}

/** Returns the row without an entry and its program. */
export function withoutEntry(row: Row, entry: Entry): Row {
  const end = row.indexOf(entry);
  const start =
    row.findLastIndex((one, index) => index < end && typeof one === "object" && "trigger" in one) + 1;
  return row.toSpliced(start, end + 1 - start);
}

function sizeOf(plan: Plan): number {
  if (plan.op !== "and" && plan.op !== "or") return WIDTH;
  return plan.parts.reduce((size, part) => size + sizeOf(part), 0);
}

/** Writes a plan at `start`, with the jump targets of the whole. */
function write(row: (Predicate | number)[], start: number, plan: Plan, onMet: number, onNot: number): void {
  switch (plan.op) {
    case "and":
    case "or": {
      let [from, left] = [start, plan.parts.length];
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
      write(row, start, plan.predicate, onNot, onMet);
      return;
    default:
      row[start] = plan;
      row[start + 1] = onMet;
      row[start + 2] = onNot;
  }
}
