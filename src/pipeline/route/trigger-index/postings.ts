import type { Entry } from "./entry.ts";
import type { Search } from "./search.ts";

/** Entries found by one key, in the order of registration; one alone needs no list. */
type Postings = Entry | Entry[];

/** As few entries say as much about the number of keys as what was expected. */
const FEW = 16;

/** Entries by key. It holds nothing for a key without entries. */
export class PostingMap<Key> {
  readonly #map = new Map<Key, Postings>();
  readonly #expectedKeys: number;
  #size = 0;

  constructor(expectedKeys: number) {
    this.#expectedKeys = expectedKeys;
  }

  /** Entries, each as often as it has keys. */
  get size(): number {
    return this.#size;
  }

  /**
   * How likely an event's one key is this one: the commoner among the entries, the likelier. The first entries say
   * little about how many keys there are, so until there are more, `expectedKeys` count.
   */
  chance(key: Key): number {
    return ((1 + this.count(key)) / (1 + this.#size / (1 + this.#map.size))) * this.meanChance;
  }

  get meanChance(): number {
    return 1 / (this.#map.size + (this.#expectedKeys * FEW) / (FEW + this.#size));
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
    if (postings === entry) return;
    if (Array.isArray(postings)) {
      if (insert(postings, entry)) this.#size += 1;
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
    if (!Array.isArray(postings) || !withdraw(postings, entry)) return;
    this.#size -= 1;
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

/** Inserts into a list that is in the order of registration. False: it was there. */
export function insert(entries: Entry[], entry: Entry): boolean {
  const last = entries.at(-1);
  if (last === undefined || last.order < entry.order) {
    entries.push(entry);
    return true;
  }
  const at = placeOf(entries, entry.order);
  if (entries[at] === entry) return false;
  entries.splice(at, 0, entry);
  return true;
}

/** Removes from a list that is in the order of registration. False: it was not there. */
export function withdraw(entries: Entry[], entry: Entry): boolean {
  const at = placeOf(entries, entry.order);
  if (entries[at] !== entry) return false;
  entries.splice(at, 1);
  return true;
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
