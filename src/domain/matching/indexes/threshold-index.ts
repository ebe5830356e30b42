import type { Entry } from "../entry.ts";
import { extremesOf } from "../extremes.ts";
import type { LeafPredicate, Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { FieldIndex } from "./field-index.ts";
import { SortedIntervals } from "./sorted-intervals.ts";

/**
 * Entries by a threshold that a number must be above (sign 1) or below (sign -1). For the latter, numbers and
 * thresholds are negated, so that one search serves both. Of an exact number it takes the nearest JavaScript number.
 */
export class ThresholdIndex implements FieldIndex {
  readonly meanSelectivity = 0.5;
  readonly #sign: 1 | -1;
  readonly #intervals = new SortedIntervals();

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  /** The lower the threshold, the more numbers are above it. */
  selectivity(key: Predicate): number {
    return 1 - this.#intervals.shareBelow(this.#thresholdOf(key));
  }

  add(key: Predicate, entry: Entry): void {
    this.#intervals.add(this.#thresholdOf(key), Number.POSITIVE_INFINITY, entry);
  }

  remove(key: Predicate, entry: Entry): void {
    this.#intervals.remove(this.#thresholdOf(key), entry);
  }

  search(values: readonly unknown[], search: Search): void {
    const extremes = extremesOf(values);
    if (extremes === undefined) return;
    const [least, greatest] = this.#sign === 1 ? extremes : [-extremes[1], -extremes[0]];
    this.#intervals.addCandidates(least, greatest, Number.POSITIVE_INFINITY, search);
  }

  #thresholdOf(key: Predicate): number {
    return Number((key as LeafPredicate).operand) * this.#sign;
  }
}
