import { coverOf } from "./access-path.ts";
import type { Entry } from "./entry.ts";
import type { Fields } from "./fields.ts";
import { Ways } from "./indexes/field-indexes.ts";
import { Asked } from "./indexes/scan-list.ts";
import { type Plan, planOf } from "./plan.ts";
import type { Step } from "./predicate.ts";
import { programOf, stepsOf } from "./program.ts";
import type { Search } from "./search.ts";

/** A search that offers more than this in vain has entries filed anew. */
const VAIN_OFFERS = 64;

/** An entry is filed anew for keys that cost at most this share of what its own do. */
const WORTH_FILING_ANEW = 0.5;

/** Searches that go by at most before entries are tried again, when the last tries found no better keys. */
const MAX_PAUSE = 63;

/** The entries of one tenant, connector and type. */
export class Partition {
  /** Entries that every event is asked against: all while they are few, and those that have no key. */
  readonly #asked = new Asked();
  /** The ways to find the others; undefined while they are few. */
  #ways: Ways | undefined;
  readonly #fields: Fields;
  readonly #few: number;
  /** Searches to let go by before entries are filed anew, and how many that were the last time. */
  #rest = 0;
  #pause = 0;

  /** `few` entries are asked faster than found. */
  constructor(fields: Fields, few: number) {
    this.#fields = fields;
    this.#few = few;
  }

  get isEmpty(): boolean {
    return this.#asked.size === 0 && (this.#ways === undefined || this.#ways.isEmpty);
  }

  /** Adds an entry, of which this is the condition's plan. */
  add(entry: Entry, plan: Plan | undefined): void {
    if (this.#ways === undefined && this.#asked.size === this.#few) {
      this.#ways = new Ways();
      for (const one of this.#asked.takeAll()) this.#fileAgain(this.#ways, one);
    }
    if (this.#ways === undefined) this.#asked.add(entry);
    else this.#file(this.#ways, entry, plan);
  }

  remove(entry: Entry): void {
    if (entry.keys === undefined) this.#asked.remove(entry);
    else for (const key of keysOf(entry)) this.#ways?.remove(key, entry);
  }

  search(search: Search): void {
    this.#asked.search(search);
    if (this.#ways === undefined) return;
    search.startPartition();
    this.#ways.search(search);
    if (search.vainOffers <= VAIN_OFFERS || !search.isTelling) return;
    // Where entries were filed before any event was seen, better keys may have shown since. A few change at a time.
    if (this.#rest > 0) {
      this.#rest -= 1;
      return;
    }
    let isBetter = false;
    for (const entry of search.vain) if (this.#fileAgain(this.#ways, entry)) isBetter = true;
    this.#pause = isBetter ? 0 : Math.min(MAX_PAUSE, 2 * this.#pause + 1);
    this.#rest = this.#pause;
  }

  /** False: it stays where it is. */
  #fileAgain(ways: Ways, entry: Entry): boolean {
    const { where } = entry.trigger;
    const plan = where && planOf(where, this.#fields);
    const before = entry.program;
    entry.program = plan && programOf(plan);
    // The steps take the places of those that they are the same as.
    if (entry.program !== undefined) this.#fields.release(stepsOf(entry.program));
    const isFiled = this.#file(ways, entry, plan);
    if (!isFiled) entry.program = before;
    return isFiled;
  }

  /** Files the entry under the cheapest keys; false where it is filed under keys that are hardly worse. */
  #file(ways: Ways, entry: Entry, plan: Plan | undefined): boolean {
    const cover = plan && coverOf(plan, (key) => ways.cost(key));
    if (cover === undefined) {
      this.#asked.add(entry);
      return true;
    }
    if (entry.keys !== undefined) {
      const filed = keysOf(entry);
      const cost = filed.reduce((sum, key) => sum + ways.cost(key), 0);
      if (cover.cost > cost * WORTH_FILING_ANEW) return false;
      for (const key of filed) ways.remove(key, entry);
    }
    entry.keys = cover.keys.length === 1 ? cover.keys[0] : cover.keys;
    for (const key of cover.keys) ways.add(key, entry);
    return true;
  }
}

function keysOf({ keys = [] }: Entry): readonly Step[] {
  return Array.isArray(keys) ? keys : [keys as Step];
}
