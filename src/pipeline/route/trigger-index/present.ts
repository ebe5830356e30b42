import type { Entry, Key } from "./entry.ts";
import { insert, withdraw } from "./postings.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** Entries that any value of the field may meet: for `neq`, `nin` and `exists`, which need it to be there. */
export class Present implements Way {
  readonly #entries: Entry[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  cost(): number {
    return 2 + this.#entries.length;
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
