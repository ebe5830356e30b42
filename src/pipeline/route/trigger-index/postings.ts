import type { Entry } from "./entry.ts";
import type { Search } from "./search.ts";

/** Entries found by one key, in the order of registration; one alone needs no list. */
type Postings = Entry | Entry[];

/** Entries by key. It holds nothing for a key without entries. */
export class PostingMap<Key> {
  readonly #map = new Map<Key, Postings>();

  /** Keys that have entries. */
  get size(): number {
    return this.#map.size;
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  count(key: Key): number {
    const postings = this.#map.get(key);
    if (postings === undefined) return 0;
    return Array.isArray(postings) ? postings.length : 1;
  }

  /** Adding an entry again changes nothing. */
  add(key: Key, entry: Entry): void {
    const postings = this.#map.get(key);
    if (postings === undefined) this.#map.set(key, entry);
    else if (Array.isArray(postings)) insert(postings, entry);
    else if (postings !== entry) {
      this.#map.set(key, postings.order < entry.order ? [postings, entry] : [entry, postings]);
    }
  }

  /** Removing an entry that is not there changes nothing. */
  remove(key: Key, entry: Entry): void {
    const postings = this.#map.get(key);
    if (postings === entry) this.#map.delete(key);
    if (!Array.isArray(postings)) return;
    withdraw(postings, entry);
    if (postings.length === 1) this.#map.set(key, postings[0] as Entry);
  }

  offer(key: Key, search: Search): void {
    const postings = this.#map.get(key);
    if (postings === undefined) return;
    offerPostings(postings, search);
  }

  keys(): IterableIterator<Key> {
    return this.#map.keys();
  }
}

function offerPostings(postings: Postings, search: Search): void {
  if (Array.isArray(postings)) for (const entry of postings) search.offer(entry);
  else search.offer(postings);
}

/** Inserts into a list that is in the order of registration, unless it is there. */
export function insert(entries: Entry[], entry: Entry): void {
  const last = entries.at(-1);
  if (last === undefined || last.order < entry.order) {
    entries.push(entry);
    return;
  }
  const at = placeOf(entries, entry.order);
  if (entries[at] !== entry) entries.splice(at, 0, entry);
}

/** Removes from a list that is in the order of registration, if it is there. */
export function withdraw(entries: Entry[], entry: Entry): void {
  const at = placeOf(entries, entry.order);
  if (entries[at] === entry) entries.splice(at, 1);
}

function placeOf(entries: readonly Entry[], order: number): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((entries[middle] as Entry).order < order) from = middle + 1;
    else to = middle;
  }
  return from;
}
