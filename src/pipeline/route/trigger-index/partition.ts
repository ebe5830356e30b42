import { coverOf } from "./cover.ts";
import type { Entry, Key } from "./entry.ts";
import type { Field } from "./fields.ts";
import { insert, withdraw } from "./postings.ts";
import type { Search } from "./search.ts";
import { createWay, type Way, type WayKind, wayKind } from "./way.ts";

/** As few entries are asked faster than found. */
const FEW = 12;

/** The entries of one tenant, connector and type. */
export class Partition {
  /** Entries that every event is asked against: all while they are few, and those that have no key. */
  readonly #asked: Entry[] = [];
  /** The ways to find the others, by field; undefined while they are few. */
  #ways: Map<Field, WayOfKind[]> | undefined;

  get isEmpty(): boolean {
    return this.#asked.length === 0 && (this.#ways === undefined || this.#ways.size === 0);
  }

  add(entry: Entry): void {
    if (this.#ways === undefined && this.#asked.length === FEW) this.#file();
    if (this.#ways === undefined) insert(this.#asked, entry);
    else this.#fileOne(this.#ways, entry);
  }

  remove(entry: Entry): void {
    if (entry.keys === undefined) withdraw(this.#asked, entry);
    else for (const key of keysOf(entry)) this.#forget(key, entry);
  }

  search(search: Search): void {
    for (const entry of this.#asked) search.offer(entry);
    if (this.#ways === undefined) return;
    for (const [field, ways] of this.#ways) {
      const values = search.valuesOf(field);
      if (values.length > 0) for (const { way } of ways) way.search(values, search);
    }
  }

  #file(): void {
    this.#ways = new Map();
    for (const entry of this.#asked.splice(0)) this.#fileOne(this.#ways, entry);
  }

  #fileOne(ways: Map<Field, WayOfKind[]>, entry: Entry): void {
    const keys =
      entry.check && coverOf(entry.check, (key) => (findWay(ways, key) ?? UNUSED[wayKind(key)]).cost(key));
    if (keys === undefined) {
      insert(this.#asked, entry);
      return;
    }
    entry.keys = keys.length === 1 ? keys[0] : keys;
    for (const key of keys) {
      (findWay(ways, key) ?? addWay(ways, key)).add(key, entry);
    }
  }

  #forget(key: Key, entry: Entry): void {
    const way = this.#ways && findWay(this.#ways, key);
    way?.remove(key, entry);
    if (way?.isEmpty) dropWay(this.#ways as Map<Field, WayOfKind[]>, key);
  }
}

interface WayOfKind {
  readonly kind: WayKind;
  readonly way: Way;
}

/** What ways cost that nothing takes yet. */
const UNUSED: Readonly<Record<WayKind, Way>> = {
  equals: createWay("equals"),
  bands: createWay("bands"),
  above: createWay("above"),
  below: createWay("below"),
  stretches: createWay("stretches"),
  present: createWay("present"),
};

function findWay(ways: Map<Field, WayOfKind[]>, key: Key): Way | undefined {
  const kind = wayKind(key);
  return ways.get(key.field)?.find((one) => one.kind === kind)?.way;
}

function addWay(ways: Map<Field, WayOfKind[]>, key: Key): Way {
  const kind = wayKind(key);
  const way = createWay(kind);
  const ofField = ways.get(key.field);
  if (ofField === undefined) ways.set(key.field, [{ kind, way }]);
  else ofField.push({ kind, way });
  return way;
}

function dropWay(ways: Map<Field, WayOfKind[]>, key: Key): void {
  const kind = wayKind(key);
  const left = (ways.get(key.field) ?? []).filter((one) => one.kind !== kind);
  if (left.length === 0) ways.delete(key.field);
  else ways.set(key.field, left);
}

function keysOf({ keys = [] }: Entry): readonly Key[] {
  return Array.isArray(keys) ? keys : [keys as Key];
}
