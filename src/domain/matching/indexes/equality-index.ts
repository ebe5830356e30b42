import { ExactNumber } from "../../json/exact-number.ts";
import type { Entry } from "../entry.ts";
import { PostingMap } from "../postings.ts";
import type { Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { FieldIndex } from "./field-index.ts";

/** Assumed number of distinct values of a field while there are few entries. */
const EXPECTED_VALUES = 16;

/** Entries by the operands of `eq` and `in`. Exact numbers, which are rare, are kept apart, by their values. */
export class EqualityIndex implements FieldIndex {
  readonly #postings = new PostingMap<unknown>(EXPECTED_VALUES);
  #exact: PostingMap<string> | undefined;

  get meanSelectivity(): number {
    return this.#postings.meanSelectivity;
  }

  selectivity(key: Predicate): number {
    let selectivity = 0;
    for (const value of operandsOf(key)) {
      if (!(value instanceof ExactNumber)) selectivity += this.#postings.selectivity(value);
    }
    return selectivity;
  }

  add(key: Predicate, entry: Entry): void {
    for (const value of operandsOf(key)) {
      if (value instanceof ExactNumber) {
        this.#exact ??= new PostingMap(EXPECTED_VALUES);
        this.#exact.add(value.key, entry);
      } else this.#postings.add(value, entry);
    }
  }

  remove(key: Predicate, entry: Entry): void {
    for (const value of operandsOf(key)) {
      if (value instanceof ExactNumber) this.#exact?.remove(value.key, entry);
      else this.#postings.remove(value, entry);
    }
    if (this.#exact?.size === 0) this.#exact = undefined;
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length === 1) this.#addCandidates(values[0], search);
    else for (const value of new Set(values.filter(mayBeOperand))) this.#addCandidates(value, search);
  }

  #addCandidates(value: unknown, search: Search): void {
    if (!(value instanceof ExactNumber)) this.#postings.addExactCandidates(value, search);
    else if (value.plain !== undefined) this.#postings.addExactCandidates(value.plain, search);
    else this.#exact?.addExactCandidates(value.key, search);
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
