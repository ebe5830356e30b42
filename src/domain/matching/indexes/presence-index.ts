import type { Entry } from "../entry.ts";
import { insert, withdraw } from "../postings.ts";
import type { Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { Way } from "./field-index.ts";

/** Entries that any value of the field may meet: for `neq`, `nin` and `exists`, which need it to be there. */
export class Present implements Way {
  #entries: Entry[] = [];

  readonly meanChance = 1;

  chance(): number {
    return 1;
  }

  add(_key: Step, entry: Entry): void {
    this.#entries = insert(this.#entries, entry) ?? this.#entries;
  }

  remove(_key: Step, entry: Entry): void {
    withdraw(this.#entries, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length > 0) for (const entry of this.#entries) search.offer(entry);
  }
}
