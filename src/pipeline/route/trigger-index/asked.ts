import type { Entry } from "./entry.ts";
import { neededFirst } from "./program.ts";
import type { Search } from "./search.ts";
import { meets, type Step } from "./step.ts";

/** Arrays that grow by one take room for many more: short ones, of which there are many, are made anew. */
const MAX_EXACT = 16;

/** Entries that every event of a partition is asked against. */
export class Asked {
  #entries: Entry[] = [];
  /** Of each entry the step that it cannot be met without, beside each other: most are not met. */
  #firsts: (Step | undefined)[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(entry: Entry): void {
    const first = entry.program && neededFirst(entry.program);
    if (this.#entries.length < MAX_EXACT) {
      this.#entries = this.#entries.concat(entry);
      this.#firsts = this.#firsts.concat(first);
    } else {
      this.#entries.push(entry);
      this.#firsts.push(first);
    }
  }

  /** The last entry takes the place of the one that goes. */
  remove(entry: Entry): void {
    const at = this.#entries.indexOf(entry);
    if (at === -1) return;
    const [lastEntry, lastFirst] = [this.#entries.pop(), this.#firsts.pop()];
    if (lastEntry === undefined || lastEntry === entry) return;
    this.#entries[at] = lastEntry;
    this.#firsts[at] = lastFirst;
  }

  /** Gives up all entries. */
  takeAll(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#firsts = [];
    return entries;
  }

  search(search: Search): void {
    search.spend(this.#entries.length);
    for (let at = 0; at < this.#firsts.length; at += 1) {
      const first = this.#firsts[at];
      if (first !== undefined && !meets(first, search.valuesOf(first.field))) continue;
      const entry = this.#entries[at] as Entry;
      if (entry.program === first) search.matched.push(entry);
      else search.ask(entry);
    }
  }
}
