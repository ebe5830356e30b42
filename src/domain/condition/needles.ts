import type { SliceBudget, Slices } from "../slices.ts";

/** Most entries of one table: 2 MiB. A needle of 256 different characters needs an eighth of that. */
const MAX_ENTRIES = 524_288;

/** Characters searched between two checks of the slice budget. */
const CHUNK_CHARACTERS = 8_192;

/**
 * Divides needles into groups that fit the table of one `NeedleSearch`. Thousands of ordinary needles, which use few
 * different characters, fit one group.
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
 * Finds which needles a text contains: an Aho-Corasick automaton as a table with one row per state. It takes one lookup
 * per character, whatever the text and the needles.
 */
export class NeedleSearch {
  readonly #needles: readonly string[];
  /** The column of a character; 0 for characters that are in no needle. */
  readonly #columns = new Uint16Array(65_536);
  readonly #width: number;
  readonly #table: Int32Array;
  /** The needle that ends at a state, or -1. */
  readonly #ends: Int32Array;
  /** The nearest suffix state at which a needle ends, or 0. */
  readonly #shorter: Int32Array;
  readonly #found = new Set<string>();

  /** Takes a group of `needleGroups`. Needles must be distinct. */
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

  /** The size of the table, which is also the cost of building it. */
  get entries(): number {
    return this.#table.length;
  }

  /** The needles found so far. */
  get found(): ReadonlySet<string> {
    return this.#found;
  }

  *search(text: string, budget: SliceBudget): Slices<void> {
    let state = 0;
    for (let from = 0; from < text.length; from += CHUNK_CHARACTERS) {
      const to = Math.min(text.length, from + CHUNK_CHARACTERS);
      state = this.#searchChunk(text, from, to, state);
      if (this.#found.size === this.#needles.length) return;
      if (budget.spend(to - from)) yield;
    }
  }

  #searchChunk(text: string, from: number, to: number, start: number): number {
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
          // A needle is reported once: this state and its shorter suffixes are not checked again.
          ends[end] = -1;
        }
        const next = shorter[end] as number;
        shorter[end] = 0;
        end = next;
      }
    }
    return state;
  }

  /** Builds the trie of the needles. Returns the number of states. */
  #build(): number {
    let states = 1;
    for (const [number, needle] of this.#needles.entries()) {
      let state = 0;
      for (let at = 0; at < needle.length; at += 1) {
        const index = state * this.#width + (this.#columns[needle.charCodeAt(at)] as number);
        if (this.#table[index] === 0) {
          this.#table[index] = states;
          states += 1;
        }
        state = this.#table[index] as number;
      }
      if (state !== 0) this.#ends[state] = number;
    }
    return states;
  }

  /** Fills in the transitions of mismatches, breadth first, so that those of shorter suffixes are complete. */
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
        const index = state * width + column;
        const next = table[index] as number;
        const other = table[behind * width + column] as number;
        if (next === 0) table[index] = other;
        else {
          suffix[next] = other;
          queue[tail++] = next;
        }
      }
    }
  }
}
