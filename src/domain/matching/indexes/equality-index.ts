import type { Entry } from "../entry.ts";
import { PostingMap } from "../postings.ts";
import type { Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { Way } from "./field-index.ts";

/** Values that a field is expected to have, until they are seen. */
const EXPECTED_VALUES = 16;

/** Entries by the values that `eq` and `in` ask for. */
export class Equals implements Way {
  readonly #postings = new PostingMap<unknown>(EXPECTED_VALUES);

  get meanChance(): number {
    return this.#postings.meanChance;
  }

  chance(key: Step): number {
    let chance = 0;
    for (const value of valuesOf(key)) chance += this.#postings.chance(value);
    return chance;
  }

  add(key: Step, entry: Entry): void {
    for (const value of valuesOf(key)) this.#postings.add(value, entry);
  }

  remove(key: Step, entry: Entry): void {
    for (const value of valuesOf(key)) this.#postings.remove(value, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length === 1) this.#postings.offerExact(values[0], search);
    else for (const value of new Set(values.filter(mayBeOperand))) this.#postings.offerExact(value, search);
  }
}

/** No condition is larger, characters: a longer text equals no operand, and two such may take long to compare. */
const MAX_OPERAND = 16_384;

function mayBeOperand(value: unknown): boolean {
  return typeof value !== "string" || value.length <= MAX_OPERAND;
}

function valuesOf(key: Step): Iterable<unknown> {
  if (key.op === "band") return [];
  return key.op === "in" ? (key.operand as Iterable<unknown>) : [key.operand];
}
