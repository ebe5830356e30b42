import type { Entry } from "./entry.ts";
import type { Search } from "./search.ts";

/** Lists up to this length are copied on insertion, so that they reserve no spare memory. */
const MAX_COPIED = 16;

/** The entries of one key in registration order. A single entry needs no list. */
type Postings = Entry | Entry[];

/** With this many entries, the expected number of keys still weighs half. */
const FEW = 16;

/** Entries by key. A key without entries takes no memory. */
export class PostingMap<Key> {
  readonly #map = new Map<Key, Postings>();
  readonly #expectedKeys: number;
  #size = 0;

  constructor(expectedKeys: number) {
    this.#expectedKeys = expectedKeys;
  }

  /** Entries, each counted once per key. */
  get size(): number {
    return this.#size;
  }

  /**
   * Estimates how likely an event's value is this key, assuming that keys with more entries are more common. While
   * there are few entries, `expectedKeys` stands for the number of keys.
   */
  selectivity(key: Key): number {
    return ((1 + this.count(key)) / (1 + this.#size / (1 + this.#map.size))) * this.meanSelectivity;
  }

  get meanSelectivity(): number {
    return 1 / (this.#map.size + (this.#expectedKeys * FEW) / (FEW + this.#size));
  }

  keys(): Iterable<Key> {
    return this.#map.keys();
  }

  count(key: Key): number {
    const postings = this.#map.get(key);
    if (postings === undefined) return 0;
    return Array.isArray(postings) ? postings.length : 1;
  }

  /** Adding an entry again changes nothing. */
  add(key: Key, entry: Entry): void {
    const postings = this.#map.get(key);
    if (postings === entry) return;
    if (Array.isArray(postings)) {
      const longer = insertEntry(postings, entry);
      if (longer === undefined) return;
      if (longer !== postings) this.#map.set(key, longer);
      this.#size += 1;
      return;
    }
    this.#size += 1;
    if (postings === undefined) this.#map.set(key, entry);
    else this.#map.set(key, postings.order < entry.order ? [postings, entry] : [entry, postings]);
  }

  /** Removing an entry that is not there changes nothing. */
  remove(key: Key, entry: Entry): void {
    const postings = this.#map.get(key);
    if (postings === entry) {
      this.#map.delete(key);
      this.#size -= 1;
    }
    if (!Array.isArray(postings) || !removeEntry(postings, entry)) return;
    this.#size -= 1;
    if (postings.length === 1) this.#map.set(key, postings[0] as Entry);
  }

  /** Adds the key's entries as candidates. */
  addCandidates(key: Key, search: Search): void {
    const postings = this.#map.get(key);
    if (Array.isArray(postings)) for (const entry of postings) search.addCandidate(entry);
    else if (postings !== undefined) search.addCandidate(postings);
  }

  /** Adds all entries as candidates. */
  addAllCandidates(search: Search): void {
    for (const postings of this.#map.values()) {
      if (Array.isArray(postings)) for (const entry of postings) search.addCandidate(entry);
      else search.addCandidate(postings);
    }
  }

  /** Adds the key's entries as candidates whose key the event is known to meet. */
  addExactCandidates(key: Key, search: Search): void {
    const postings = this.#map.get(key);
    if (Array.isArray(postings)) for (const entry of postings) search.addExactCandidate(entry);
    else if (postings !== undefined) search.addExactCandidate(postings);
  }
}

/**
 * Inserts an entry into a list in registration order. Returns the list, or a copy of it if it is short: growing an array
 * reserves memory for many more, and most lists are short. Undefined if the entry is already there.
 */
export function insertEntry(entries: Entry[], entry: Entry): Entry[] | undefined {
  const last = entries.at(-1);
  const index =
    last === undefined || last.order < entry.order ? entries.length : lowerBound(entries, entry.order);
  if (entries[index] === entry) return undefined;
  if (entries.length < MAX_COPIED) return entries.toSpliced(index, 0, entry);
  if (index === entries.length) entries.push(entry);
  else entries.splice(index, 0, entry);
  return entries;
}

/** Removes an entry from a list in registration order. Returns false if it was not there. */
export function removeEntry(entries: Entry[], entry: Entry): boolean {
  const index = lowerBound(entries, entry.order);
  if (entries[index] !== entry) return false;
  entries.splice(index, 1);
  return true;
}

/** Returns the index of the first entry whose order is not below `order`. */
function lowerBound(entries: readonly Entry[], order: number): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((entries[middle] as Entry).order < order) from = middle + 1;
    else to = middle;
  }
  return from;
}
