import type { Entry, Key } from "./entry.ts";
import { PostingMap } from "./postings.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** Entries by the values that `eq` and `in` ask for. */
export class Equals implements Way {
  readonly #postings = new PostingMap<unknown>();

  get isEmpty(): boolean {
    return this.#postings.size === 0;
  }

  /** A value is the likelier in an event the fewer there are. */
  cost(key: Key): number {
    let entries = 0;
    for (const value of valuesOf(key)) entries += 1 + this.#postings.count(value);
    return entries / (1 + this.#postings.size);
  }

  add(key: Key, entry: Entry): void {
    for (const value of valuesOf(key)) this.#postings.add(value, entry);
  }

  remove(key: Key, entry: Entry): void {
    for (const value of valuesOf(key)) this.#postings.remove(value, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length === 1) this.#postings.offer(values[0], search);
    else for (const value of new Set(values)) this.#postings.offer(value, search);
  }
}

function valuesOf(key: Key): Iterable<unknown> {
  if (key.op === "band") return [];
  return key.op === "in" ? (key.operand as Iterable<unknown>) : [key.operand];
}
