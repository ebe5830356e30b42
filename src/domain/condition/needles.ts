import type { SliceBudget, Slices } from "../slices.ts";

/** Entries of one table: 2 MiB. One needle of 256 characters, all of them different, needs an eighth. */
const MAX_ENTRIES = 524_288;

/** Characters that a slice searches between two looks at its budget. */
const STRETCH = 8_192;

/**
 * Lists of needles, of which each is searched for in one pass over a text. Most texts and needles use few characters:
 * then thousands of needles fit.
 */
export function needleGroups(needles: Iterable<string>): string[][] {
  const groups: string[][] = [];
  let [group, characters, states] = [[] as string[], new Set<number>(), 1];
  for (const needle of needles) {
    const added = new Set(characters);
    for (let at = 0; at < needle.length; at += 1) added.add(needle.charCodeAt(at));
    if (group.length > 0 && (states + needle.length) * (added.size + 1) > MAX_ENTRIES) {
      groups.push(group);
      [group, states] = [[], 1];
      characters = new Set();
      for (let at = 0; at < needle.length; at += 1) characters.add(needle.charCodeAt(at));
    } else characters = added;
    group.push(needle);
    states += needle.length;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/**
 * Which of the needles stand in a text: Aho and Corasick's automaton, as a table with a row a state. Its time is that
 * of one look-up for each character, whatever the text and the needles.
 */
export class NeedleSearch {
  readonly #needles: readonly string[];
  /** The column of a character; 0 for those that no needle has. */
  readonly #columns = new Uint16Array(65_536);
  readonly #width: number;
  readonly #table: Int32Array;
  /** The needle that ends at a state, or -1. */
  readonly #ends: Int32Array;
  /** The nearest state at which a shorter needle ends, or 0. */
  readonly #shorter: Int32Array;
  readonly #found = new Set<string>();

  /** Takes a group of `needleGroups`, without repetitions. */
  constructor(needles: readonly string[]) {
    this.#needles = needles;
    let [width, states] = [1, 1];
    for (const needle of needles) {
      states += needle.length;
      for (let at = 0; at < needle.length; at += 1) {
        const code = needle.charCodeAt(at);
        if (this.#columns[code] === 0) {
          this.#columns[code] = width;
          width += 1;
        }
      }
    }
    this.#width = width;
    this.#table = new Int32Array(states * width);
    this.#ends = new Int32Array(states).fill(-1);
    this.#shorter = new Int32Array(states);
    this.#link(this.#build());
  }

  /** Entries that building the tables made. */
  get entries(): number {
    return this.#table.length;
  }

  /** The needles found so far. */
  get found(): ReadonlySet<string> {
    return this.#found;
  }

  *search(text: string, budget: SliceBudget): Slices<void> {
    let state = 0;
    for (let from = 0; from < text.length; from += STRETCH) {
      const to = Math.min(text.length, from + STRETCH);
      state = this.#stretch(text, from, to, state);
      if (this.#found.size === this.#needles.length) return;
      if (budget.spend(to - from)) yield;
    }
  }

  #stretch(text: string, from: number, to: number, start: number): number {
    const [table, columns, width, ends, shorter] = [
      this.#table,
      this.#columns,
      this.#width,
      this.#ends,
      this.#shorter,
    ];
    let state = start;
    for (let at = from; at < to; at += 1) {
      state = table[state * width + (columns[text.charCodeAt(at)] as number)] as number;
      let end = state;
      while (end !== 0 && (ends[end] !== -1 || shorter[end] !== 0)) {
        const needle = ends[end] as number;
        if (needle >= 0) {
          this.#found.add(this.#needles[needle] as string);
          // Found once is enough: neither this state nor what is shorter is looked at again.
          ends[end] = -1;
        }
        const next = shorter[end] as number;
        shorter[end] = 0;
        end = next;
      }
    }
    return state;
  }

  /** The tree of the needles; how many states there are. */
  #build(): number {
    let states = 1;
    for (const [index, needle] of this.#needles.entries()) {
      let state = 0;
      for (let at = 0; at < needle.length; at += 1) {
        const place = state * this.#width + (this.#columns[needle.charCodeAt(at)] as number);
        if (this.#table[place] === 0) {
          this.#table[place] = states;
          states += 1;
        }
        state = this.#table[place] as number;
      }
      if (state !== 0) this.#ends[state] = index;
    }
    return states;
  }

  /** Fills in where to go on when a character does not follow: breadth first, so that shorter suffixes are complete. */
  #link(states: number): void {
    const [table, width] = [this.#table, this.#width];
    const suffix = new Int32Array(states);
    const queue = new Int32Array(states);
    let [head, tail] = [0, 0];
    for (let column = 1; column < width; column += 1) {
      const next = table[column] as number;
      if (next !== 0) queue[tail++] = next;
    }
    while (head < tail) {
      const state = queue[head++] as number;
      const behind = suffix[state] as number;
      this.#shorter[state] = this.#ends[behind] === -1 ? (this.#shorter[behind] as number) : behind;
      for (let column = 1; column < width; column += 1) {
        const place = state * width + column;
        const next = table[place] as number;
        const other = table[behind * width + column] as number;
        if (next === 0) table[place] = other;
        else {
          suffix[next] = other;
          queue[tail++] = next;
        }
      }
    }
  }
}
