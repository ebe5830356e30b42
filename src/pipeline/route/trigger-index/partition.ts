import { Asked } from "./asked.ts";
import { type Cover, coverOf } from "./cover.ts";
import type { Entry, Key } from "./entry.ts";
import type { Search } from "./search.ts";
import { Ways } from "./ways.ts";

/** As few entries are asked faster than found. */
const FEW = 24;

/** A search that offers more than this in vain has entries filed anew. */
const VAIN_OFFERS = 64;

/** An entry is filed anew for keys that cost at most this share of what its own do. */
const WORTH_FILING_ANEW = 0.5;

/** The entries of one tenant, connector and type. */
export class Partition {
  /** Entries that every event is asked against: all while they are few, and those that have no key. */
  readonly #asked = new Asked();
  /** The ways to find the others; undefined while they are few. */
  #ways: Ways | undefined;

  get isEmpty(): boolean {
    return this.#asked.size === 0 && (this.#ways === undefined || this.#ways.isEmpty);
  }

  add(entry: Entry): void {
    if (this.#ways === undefined && this.#asked.size === FEW) {
      this.#ways = new Ways();
      for (const one of this.#asked.takeAll()) this.#file(this.#ways, one);
    }
    if (this.#ways === undefined) this.#asked.add(entry);
    else this.#file(this.#ways, entry);
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
    if (search.vainOffers > VAIN_OFFERS) this.#fileAnew(this.#ways, search);
  }

  #file(ways: Ways, entry: Entry): void {
    const cover = coverFrom(ways, entry);
    if (cover === undefined) this.#asked.add(entry);
    else fileUnder(ways, cover.keys, entry);
  }

  /** Where entries were filed before any event was seen, better keys may have shown since: a few change at a time. */
  #fileAnew(ways: Ways, search: Search): void {
    for (const entry of search.vain) {
      if (entry.keys === undefined) continue;
      const keys = keysOf(entry);
      const cost = keys.reduce((sum, key) => sum + ways.cost(key), 0);
      const cover = coverFrom(ways, entry);
      if (cover === undefined || cover.cost > cost * WORTH_FILING_ANEW) continue;
      for (const key of keys) ways.remove(key, entry);
      fileUnder(ways, cover.keys, entry);
    }
  }
}

function coverFrom(ways: Ways, { check }: Entry): Cover | undefined {
  return check && coverOf(check, (key) => ways.cost(key));
}

function fileUnder(ways: Ways, keys: readonly Key[], entry: Entry): void {
  entry.keys = keys.length === 1 ? keys[0] : keys;
  for (const key of keys) ways.add(key, entry);
}

function keysOf({ keys = [] }: Entry): readonly Key[] {
  return Array.isArray(keys) ? keys : [keys as Key];
}
