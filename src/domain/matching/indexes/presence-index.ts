import type { Entry } from "../entry.ts";
import { insertEntry, removeEntry } from "../postings.ts";
import type { Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { FieldIndex } from "./field-index.ts";

/** Entries that need the field to have a value, for `neq`, `nin` and `exists`. */
export class PresenceIndex implements FieldIndex {
  #entries: Entry[] = [];

  readonly meanSelectivity = 1;

  selectivity(): number {
    return 1;
  }

  add(_key: Predicate, entry: Entry): void {
    this.#entries = insertEntry(this.#entries, entry) ?? this.#entries;
  }

  remove(_key: Predicate, entry: Entry): void {
    removeEntry(this.#entries, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length > 0) for (const entry of this.#entries) search.addCandidate(entry);
  }
}
