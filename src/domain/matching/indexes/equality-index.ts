import type { Entry } from "../entry.ts";
import { PostingMap } from "../postings.ts";
import type { Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { FieldIndex } from "./field-index.ts";

/** Assumed number of distinct values of a field while there are few entries. */
const EXPECTED_VALUES = 16;

/** Entries by the operands of `eq` and `in`. */
export class EqualityIndex implements FieldIndex {
  readonly #postings = new PostingMap<unknown>(EXPECTED_VALUES);

  get meanSelectivity(): number {
    return this.#postings.meanSelectivity;
  }

  selectivity(key: Predicate): number {
    let selectivity = 0;
    for (const value of operandsOf(key)) selectivity += this.#postings.selectivity(value);
    return selectivity;
  }

  add(key: Predicate, entry: Entry): void {
    for (const value of operandsOf(key)) this.#postings.add(value, entry);
  }

  remove(key: Predicate, entry: Entry): void {
    for (const value of operandsOf(key)) this.#postings.remove(value, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length === 1) this.#postings.addExactCandidates(values[0], search);
    else
      for (const value of new Set(values.filter(mayBeOperand)))
        this.#postings.addExactCandidates(value, search);
  }
}

/** The size limit of a condition, in characters. A longer text equals no operand, and comparing two such is slow. */
const MAX_OPERAND_CHARACTERS = 16_384;

function mayBeOperand(value: unknown): boolean {
  return typeof value !== "string" || value.length <= MAX_OPERAND_CHARACTERS;
}

function operandsOf(key: Predicate): Iterable<unknown> {
  if (key.op === "interval") return [];
  return key.op === "in" ? (key.operand as Iterable<unknown>) : [key.operand];
}
