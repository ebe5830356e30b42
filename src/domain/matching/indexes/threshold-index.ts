import type { Entry } from "../entry.ts";
import { extremesOf } from "../extremes.ts";
import type { LeafStep, Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import type { Way } from "./field-index.ts";
import { Ranges } from "./sorted-intervals.ts";

/** Entries by the one bound that a number has to be above, or below: then numbers and bounds are taken negated. */
export class Bounds implements Way {
  readonly meanChance = 0.5;
  readonly #sign: 1 | -1;
  readonly #ranges = new Ranges();

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  /** The lower the bound, the more numbers are above it. */
  chance(key: Step): number {
    return 1 - this.#ranges.shareBelow(this.#boundOf(key));
  }

  add(key: Step, entry: Entry): void {
    this.#ranges.add(this.#boundOf(key), Number.POSITIVE_INFINITY, entry);
  }

  remove(key: Step, entry: Entry): void {
    this.#ranges.remove(this.#boundOf(key), entry);
  }

  search(values: readonly unknown[], search: Search): void {
    const extremes = extremesOf(values);
    if (extremes === undefined) return;
    const [least, greatest] = this.#sign === 1 ? extremes : [-extremes[1], -extremes[0]];
    this.#ranges.offer(least, greatest, Number.POSITIVE_INFINITY, search);
  }

  #boundOf(key: Step): number {
    return ((key as LeafStep).operand as number) * this.#sign;
  }
}
