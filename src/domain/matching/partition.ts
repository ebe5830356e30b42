import { accessPathOf } from "./access-path.ts";
import type { Entry } from "./entry.ts";
import type { Fields } from "./fields.ts";
import { FieldIndexes } from "./indexes/field-indexes.ts";
import { ScanList } from "./indexes/scan-list.ts";
import { type Plan, planOf } from "./plan.ts";
import type { Predicate } from "./predicate.ts";
import { predicatesOf, programOf } from "./program.ts";
import type { Search } from "./search.ts";

/** A search with more false positives refiles some of them. */
const MAX_FALSE_POSITIVES = 64;

/** An entry is refiled if the new keys cost at most this share of the present ones. */
const REFILE_COST_SHARE = 0.5;

/** Most searches skipped before refiling is tried again after a try that found no better keys. */
const MAX_BACKOFF = 63;

/** The entries of one tenant, connector and type. */
export class Partition {
  /** Entries evaluated for every event: all of them while they are few, and those that no index can find. */
  readonly #scanned = new ScanList();
  /** Find the other entries; undefined while there are few. */
  #indexes: FieldIndexes | undefined;
  readonly #fields: Fields;
  readonly #scanLimit: number;
  /** Searches left to skip before refiling is tried again, and the number of them after the last try. */
  #skips = 0;
  #backoff = 0;

  /** Up to `scanLimit` entries are scanned, which is faster than an index. */
  constructor(fields: Fields, scanLimit: number) {
    this.#fields = fields;
    this.#scanLimit = scanLimit;
  }

  get isEmpty(): boolean {
    return this.#scanned.size === 0 && (this.#indexes === undefined || this.#indexes.isEmpty);
  }

  /** Adds an entry; `plan` is that of its condition. */
  add(entry: Entry, plan: Plan | undefined): void {
    if (this.#indexes === undefined && this.#scanned.size === this.#scanLimit) {
      this.#indexes = new FieldIndexes();
      for (const one of this.#scanned.takeAll()) this.#refile(this.#indexes, one);
    }
    if (this.#indexes === undefined) this.#scanned.add(entry);
    else this.#file(this.#indexes, entry, plan);
  }

  remove(entry: Entry): void {
    if (entry.keys === undefined) this.#scanned.remove(entry);
    else for (const key of keysOf(entry)) this.#indexes?.remove(key, entry);
  }

  search(search: Search): void {
    this.#scanned.search(search);
    if (this.#indexes === undefined) return;
    search.startPartition();
    this.#indexes.search(search);
    if (search.falsePositives <= MAX_FALSE_POSITIVES || !search.isRepresentative) return;
    // Entries filed before any event was measured may have better keys by now. A few are refiled at a time.
    if (this.#skips > 0) {
      this.#skips -= 1;
      return;
    }
    let isBetter = false;
    for (const entry of search.falsePositiveSample) if (this.#refile(this.#indexes, entry)) isBetter = true;
    this.#backoff = isBetter ? 0 : Math.min(MAX_BACKOFF, 2 * this.#backoff + 1);
    this.#skips = this.#backoff;
  }

  /** Files an entry under better keys. Returns false if there are none, and leaves it unchanged. */
  #refile(indexes: FieldIndexes, entry: Entry): boolean {
    const { where } = entry.trigger;
    const plan = where && planOf(where, this.#fields);
    const before = entry.program;
    entry.program = plan && programOf(plan);
    // The new predicates replace equal ones, so their uses are already counted.
    if (entry.program !== undefined) this.#fields.release(predicatesOf(entry.program));
    const isFiled = this.#file(indexes, entry, plan);
    if (!isFiled) entry.program = before;
    return isFiled;
  }

  /** Files the entry under the cheapest keys. Returns false if it has keys that cost little more. */
  #file(indexes: FieldIndexes, entry: Entry, plan: Plan | undefined): boolean {
    const path = plan && accessPathOf(plan, (key) => indexes.cost(key));
    if (path === undefined) {
      this.#scanned.add(entry);
      return true;
    }
    if (entry.keys !== undefined) {
      const present = keysOf(entry);
      const cost = present.reduce((sum, key) => sum + indexes.cost(key), 0);
      if (path.cost > cost * REFILE_COST_SHARE) return false;
      for (const key of present) indexes.remove(key, entry);
    }
    entry.keys = path.keys.length === 1 ? path.keys[0] : path.keys;
    for (const key of path.keys) indexes.add(key, entry);
    return true;
  }
}

function keysOf({ keys = [] }: Entry): readonly Predicate[] {
  return Array.isArray(keys) ? keys : [keys as Predicate];
}
