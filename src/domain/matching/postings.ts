import type { Entry } from "./entry.ts";
import type { Search } from "./search.ts";

/** Longer lists may hold room for more. */
const MAX_EXACT = 16;

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
      const longer = insert(postings, entry);
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
    if (!Array.isArray(postings) || !withdraw(postings, entry)) return;
    this.#size -= 1;
    if (postings.length === 1) this.#map.set(key, postings[0] as Entry);
  }

  /** Offers the key's entries. */
  offer(key: Key, search: Search): void {
    const postings = this.#map.get(key);
    if (Array.isArray(postings)) for (const entry of postings) search.offer(entry);
    else if (postings !== undefined) search.offer(postings);
  }

  /** Offers all entries. */
  offerAll(search: Search): void {
    for (const postings of this.#map.values()) {
      if (Array.isArray(postings)) for (const entry of postings) search.offer(entry);
      else search.offer(postings);
    }
  }

  /** Offers the key's entries, the key of which the event is known to hold. */
  offerExact(key: Key, search: Search): void {
    const postings = this.#map.get(key);
    if (Array.isArray(postings)) for (const entry of postings) search.offerExact(entry);
    else if (postings !== undefined) search.offerExact(postings);
  }
}

/**
 * The list with the entry at its place in the order of registration; undefined if it is there already. A list that
 * grows takes room ahead for many more: short ones, of which there are many, are made anew.
 */
export function insert(entries: Entry[], entry: Entry): Entry[] | undefined {
  const last = entries.at(-1);
  const at = last === undefined || last.order < entry.order ? entries.length : placeOf(entries, entry.order);
  if (entries[at] === entry) return undefined;
  if (entries.length < MAX_EXACT) return entries.toSpliced(at, 0, entry);
  if (at === entries.length) entries.push(entry);
  else entries.splice(at, 0, entry);
  return entries;
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
