import type { Band, Entry, Key } from "./entry.ts";
import { PostingMap } from "./postings.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** Bands narrower than 2^-20 share the finest grid. */
const FINEST = -20;

/** Cells that a grid is expected to have, until they are seen. */
const EXPECTED_CELLS = 16;

/**
 * Entries by a range of numbers. There is a grid for every power of two; a band lies in the one whose cells are just
 * as wide as itself, and so in two cells as a rule. A number is looked up in its cell of every grid.
 */
export class Bands implements Way {
  readonly #grids = new Map<number, PostingMap<number>>();

  get size(): number {
    let size = 0;
    for (const grid of this.#grids.values()) size += grid.size;
    return size;
  }

  get meanChance(): number {
    let [chances, entries] = [0, 0];
    for (const grid of this.#grids.values()) {
      chances += grid.meanChance * grid.size;
      entries += grid.size;
    }
    return entries === 0 ? 1 / EXPECTED_CELLS : chances / entries;
  }

  chance(key: Key): number {
    const grid = this.#grids.get(levelOf(key as Band));
    if (grid === undefined) return 1 / EXPECTED_CELLS;
    return Math.max(...cellsOf(key as Band).map((cell) => grid.chance(cell)));
  }

  add(key: Key, entry: Entry): void {
    const level = levelOf(key as Band);
    let grid = this.#grids.get(level);
    if (grid === undefined) {
      grid = new PostingMap(EXPECTED_CELLS);
      this.#grids.set(level, grid);
    }
    for (const cell of cellsOf(key as Band)) grid.add(cell, entry);
  }

  remove(key: Key, entry: Entry): void {
    const level = levelOf(key as Band);
    const grid = this.#grids.get(level);
    if (grid === undefined) return;
    for (const cell of cellsOf(key as Band)) grid.remove(cell, entry);
    if (grid.size === 0) this.#grids.delete(level);
  }

  /** The two bounds of a band are met apart: of the numbers 1 and 9 in a list, one is above 4, the other below 5. */
  search(values: readonly unknown[], search: Search): void {
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of values) {
      if (typeof value !== "number") continue;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
    if (least > greatest) return;
    for (const [level, grid] of this.#grids) {
      const width = 2 ** level;
      const [first, last] = [Math.floor(least / width), Math.floor(greatest / width)];
      if (first === last) grid.offer(first, search);
      else for (const cell of grid.keys()) if (cell >= first && cell <= last) grid.offer(cell, search);
    }
  }
}

function levelOf({ low, high }: Band): number {
  return Math.max(FINEST, Math.ceil(Math.log2(high - low)));
}

/** Rounding in the width of the band may make it touch a third cell. */
function cellsOf(band: Band): number[] {
  const width = 2 ** levelOf(band);
  const [first, last] = [Math.floor(band.low / width), Math.floor(band.high / width)];
  const cells = [first];
  for (let cell = first + 1; cell <= last; cell += 1) cells.push(cell);
  return cells;
}
