import type { Entry } from "../entry.ts";
import { insertEntry, removeEntry } from "../postings.ts";
import type { Predicate } from "../predicate.ts";
import { type Row, rowOf, withoutEntry } from "../program.ts";
import type { Search } from "../search.ts";

/** Most entries in a block. Removing one copies the rest of its block. */
const MAX_BLOCK_ENTRIES = 64;

/** Entries and their conditions as one row, so that a scan reads memory sequentially. */
interface Block {
  entries: readonly Entry[];
  row: Row;
}

/** Entries that are evaluated for every event of a partition. */
export class ScanList {
  /** Entries without a condition, which every event matches. */
  #always: Entry[] = [];
  /** The others. Every block but the last has been full; none is empty. */
  #blocks: readonly Block[] = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Moves the entry's program into a block. A block's arrays are copied instead of grown: growing reserves memory for
   * many more, and most partitions have few entries.
   */
  add(entry: Entry): void {
    this.#size += 1;
    const { program } = entry;
    if (program === undefined) {
      this.#always = insertEntry(this.#always, entry) ?? this.#always;
      return;
    }
    const last = this.#blocks.at(-1);
    const row = rowOf(program, entry);
    entry.program = undefined;
    if (last === undefined || last.entries.length === MAX_BLOCK_ENTRIES) {
      this.#blocks = [...this.#blocks, { entries: [entry], row }];
      return;
    }
    last.entries = [...last.entries, entry];
    last.row = [...last.row, ...row];
  }

  remove(entry: Entry): void {
    if (entry.trigger.where === undefined) {
      if (removeEntry(this.#always, entry)) this.#size -= 1;
      return;
    }
    const block = this.#blocks.find(({ entries }) => entries.includes(entry));
    if (block === undefined) return;
    this.#size -= 1;
    block.row = withoutEntry(block.row, entry);
    block.entries = block.entries.filter((one) => one !== entry);
    if (block.entries.length === 0) this.#blocks = this.#blocks.filter((one) => one !== block);
  }

  /** Removes and returns all entries. */
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
  let index = 0;
  while (index < row.length) {
    const predicate = row[index] as Predicate;
    const jump = row[index + (search.meets(predicate) ? 1 : 2)] as number;
    if (jump > 0) index += jump;
    else {
      index -= jump;
      search.matched.push(row[index] as Entry);
      index += 1;
    }
  }
}
