import type { Entry } from "../entry.ts";
import { extremesOf } from "../extremes.ts";
import type { Interval, Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { FieldIndex } from "./field-index.ts";
import { SortedIntervals } from "./sorted-intervals.ts";

/** The lowest level: intervals narrower than 8^-7 share it. */
const LOWEST_LEVEL = -7;

/** The selectivity assumed of an interval on a level with fewer than `FEW` entries. */
const DEFAULT_SELECTIVITY = 1 / 16;
const FEW = 8;

/**
 * Entries by an interval of numbers. Each power of eight has its level, which holds the intervals narrower than it: a
 * search of a level looks back at most that far for intervals that begin below the number.
 */
export class IntervalIndex implements FieldIndex {
  readonly #levels = new Map<number, SortedIntervals>();

  get meanSelectivity(): number {
    let [sum, entries] = [0, 0];
    for (const [level, intervals] of this.#levels) {
      sum += selectivityAmong(intervals, 8 ** level / 3) * intervals.size;
      entries += intervals.size;
    }
    return entries === 0 ? DEFAULT_SELECTIVITY : sum / entries;
  }

  selectivity(key: Predicate): number {
    const interval = key as Interval;
    return selectivityAmong(this.#levels.get(levelOf(interval)), interval.high - interval.low);
  }

  add(key: Predicate, entry: Entry): void {
    const interval = key as Interval;
    const level = levelOf(interval);
    const intervals = this.#levels.get(level) ?? new SortedIntervals();
    if (intervals.size === 0) this.#levels.set(level, intervals);
    intervals.add(interval.low, interval.high, entry);
  }

  remove(key: Predicate, entry: Entry): void {
    const interval = key as Interval;
    const level = levelOf(interval);
    const intervals = this.#levels.get(level);
    intervals?.remove(interval.low, entry);
    if (intervals?.size === 0) this.#levels.delete(level);
  }

  search(values: readonly unknown[], search: Search): void {
    const extremes = extremesOf(values);
    if (extremes === undefined) return;
    for (const [level, intervals] of this.#levels)
      intervals.addCandidates(extremes[0], extremes[1], 8 ** level, search);
  }
}

function selectivityAmong(intervals: SortedIntervals | undefined, width: number): number {
  if (intervals === undefined || intervals.size < FEW) return DEFAULT_SELECTIVITY;
  return width < intervals.span ? width / intervals.span : 1;
}

/** Returns the exponent of the least power of eight strictly above the width, which may be rounded. */
function levelOf({ low, high }: Interval): number {
  const width = high - low;
  let level = LOWEST_LEVEL;
  while (8 ** level <= width) level += 1;
  return level;
}
