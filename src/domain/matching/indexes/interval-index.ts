import type { Entry } from "../entry.ts";
import { extremesOf } from "../extremes.ts";
import type { Band, Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { Way } from "./field-index.ts";
import { Ranges } from "./sorted-intervals.ts";

/** Bands narrower than 8^-7 are taken for as wide. */
const NARROWEST = -7;

/** The chance of a band among bands of which too few are known. */
const UNKNOWN_CHANCE = 1 / 16;
const FEW = 8;

/**
 * Entries by a range of numbers, apart for every power of eight that their width is below: so a number is met only by
 * ranges that begin at most that far below it.
 */
export class Bands implements Way {
  readonly #levels = new Map<number, Ranges>();

  get meanChance(): number {
    let [chances, entries] = [0, 0];
    for (const [level, ranges] of this.#levels) {
      chances += chanceAmong(ranges, 8 ** level / 3) * ranges.size;
      entries += ranges.size;
    }
    return entries === 0 ? UNKNOWN_CHANCE : chances / entries;
  }

  chance(key: Step): number {
    const band = key as Band;
    return chanceAmong(this.#levels.get(levelOf(band)), band.high - band.low);
  }

  add(key: Step, entry: Entry): void {
    const band = key as Band;
    const level = levelOf(band);
    const ranges = this.#levels.get(level) ?? new Ranges();
    if (ranges.size === 0) this.#levels.set(level, ranges);
    ranges.add(band.low, band.high, entry);
  }

  remove(key: Step, entry: Entry): void {
    const band = key as Band;
    const level = levelOf(band);
    const ranges = this.#levels.get(level);
    ranges?.remove(band.low, entry);
    if (ranges?.size === 0) this.#levels.delete(level);
  }

  search(values: readonly unknown[], search: Search): void {
    const extremes = extremesOf(values);
    if (extremes === undefined) return;
    for (const [level, ranges] of this.#levels) ranges.offer(extremes[0], extremes[1], 8 ** level, search);
  }
}

function chanceAmong(ranges: Ranges | undefined, width: number): number {
  if (ranges === undefined || ranges.size < FEW) return UNKNOWN_CHANCE;
  return width < ranges.span ? width / ranges.span : 1;
}

/** The least power of eight above the width: strictly, since the width itself may be rounded. */
function levelOf({ low, high }: Band): number {
  const width = high - low;
  let level = NARROWEST;
  while (8 ** level <= width) level += 1;
  return level;
}
