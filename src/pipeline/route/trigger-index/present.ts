import type { Entry, Key } from "./entry.ts";
import { insert, withdraw } from "./postings.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** Entries that any value of the field may meet: for `neq`, `nin` and `exists`, which need it to be there. */
export class Present implements Way {
  readonly #entries: Entry[] = [];

  readonly meanChance = 1;

  get size(): number {
    return this.#entries.length;
  }

  chance(): number {
    return 1;
  }

  add(_key: Key, entry: Entry): void {
    insert(this.#entries, entry);
  }

  remove(_key: Key, entry: Entry): void {
    withdraw(this.#entries, entry);
  }

  search(values: readonly unknown[], search: Search): void {
    if (values.length > 0) for (const entry of this.#entries) search.offer(entry);
  }
}
