import type { Entry } from "../entry.ts";
import { insert, withdraw } from "../postings.ts";
import type { Step } from "../predicate.ts";
import { type Row, rowOf, withoutEntry } from "../program.ts";
import type { Search } from "../search.ts";

/** Entries in one block. To remove one moves what lies behind it in its block. */
const MAX_BLOCK = 64;

/** Entries and their conditions in one row: asked one after the other, they lie one behind the other in memory. */
interface Block {
  entries: readonly Entry[];
  row: Row;
}

/** Entries that every event of a partition is asked against. */
export class Asked {
  /** Those that every event meets. */
  #always: Entry[] = [];
  /** The others. All blocks but the last were full once; none is empty. */
  #blocks: readonly Block[] = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Takes the entry's program over. The arrays of a block are made anew: one that grows takes room for many more, and most partitions have few. */
  add(entry: Entry): void {
    this.#size += 1;
    const { program } = entry;
    if (program === undefined) {
      this.#always = insert(this.#always, entry) ?? this.#always;
      return;
    }
    const last = this.#blocks.at(-1);
    const row = rowOf(program, entry);
    entry.program = undefined;
    if (last === undefined || last.entries.length === MAX_BLOCK) {
      this.#blocks = [...this.#blocks, { entries: [entry], row }];
      return;
    }
    last.entries = [...last.entries, entry];
    last.row = [...last.row, ...row];
  }

  remove(entry: Entry): void {
    if (entry.trigger.where === undefined) {
      if (withdraw(this.#always, entry)) this.#size -= 1;
      return;
    }
    const block = this.#blocks.find(({ entries }) => entries.includes(entry));
    if (block === undefined) return;
    this.#size -= 1;
    block.row = withoutEntry(block.row, entry);
    block.entries = block.entries.filter((one) => one !== entry);
    if (block.entries.length === 0) this.#blocks = this.#blocks.filter((one) => one !== block);
  }

  /** Gives up all entries. */
  takeAll(): readonly Entry[] {
    const entries = [...this.#always, ...this.#blocks.flatMap((block) => block.entries)];
    this.#always = [];
    this.#blocks = NONE;
    this.#size = 0;
    return entries;
  }

  search(search: Search): void {
    search.spend(this.#size);
    for (const entry of this.#always) search.matched.push(entry);
    for (const { row } of this.#blocks) {
      searchRow(row, search);
      search.spend(0);
    }
  }
}

const NONE: readonly Block[] = [];

function searchRow(row: Row, search: Search): void {
  let at = 0;
  while (at < row.length) {
    const step = row[at] as Step;
    const ahead = row[at + (search.meets(step) ? 1 : 2)] as number;
    if (ahead > 0) at += ahead;
    else {
      at -= ahead;
      search.matched.push(row[at] as Entry);
      at += 1;
    }
  }
}
