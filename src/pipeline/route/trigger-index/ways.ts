import type { Entry, Key } from "./entry.ts";
import type { Field } from "./fields.ts";
import type { Search } from "./search.ts";
import { createWay, type Way, type WayKind, wayKind } from "./way.ts";

/** A way, and what it has been seen to offer. */
interface TriedWay {
  readonly kind: WayKind;
  readonly way: Way;
  searches: number;
  /** The sum, over the searches, of the share of the entries that were offered. */
  shares: number;
}

/** After so many searches, half of what was seen counts no more. */
const MAX_SEARCHES = 1_024;

/** The ways in use of one partition. It holds none that is empty. */
export class Ways {
  readonly #byField = new Map<Field, TriedWay[]>();

  get isEmpty(): boolean {
    return this.#byField.size === 0;
  }

  /** How likely an event is offered an entry for the sake of this key: by what was seen, and before that by guess. */
  cost(key: Key): number {
    const kind = wayKind(key);
    const tried = this.#find(key, kind);
    if (tried === undefined) return UNUSED[kind].chance(key);
    const { way, searches, shares } = tried;
    const seen = (shares + way.meanChance) / (searches + 1);
    return (way.chance(key) / way.meanChance) * seen;
  }

  add(key: Key, entry: Entry): void {
    const kind = wayKind(key);
    let tried = this.#find(key, kind);
    if (tried === undefined) {
      tried = { kind, way: createWay(kind), searches: 0, shares: 0 };
      this.#byField.set(key.field, [...(this.#byField.get(key.field) ?? []), tried]);
    }
    tried.way.add(key, entry);
  }

  remove(key: Key, entry: Entry): void {
    const tried = this.#find(key, wayKind(key));
    tried?.way.remove(key, entry);
    if (tried?.way.size !== 0) return;
    const left = (this.#byField.get(key.field) ?? []).filter((one) => one !== tried);
    if (left.length === 0) this.#byField.delete(key.field);
    else this.#byField.set(key.field, left);
  }

  search(search: Search): void {
    for (const [field, ways] of this.#byField) {
      const values = search.valuesOf(field);
      for (const tried of ways) {
        const before = search.offers;
        if (values.length > 0) tried.way.search(values, search);
        tried.searches += 1;
        tried.shares += (search.offers - before) / tried.way.size;
        if (tried.searches < MAX_SEARCHES) continue;
        tried.searches /= 2;
        tried.shares /= 2;
      }
    }
  }

  #find(key: Key, kind: WayKind): TriedWay | undefined {
    return this.#byField.get(key.field)?.find((one) => one.kind === kind);
  }
}

/** What is asked about ways that nothing takes yet. */
const UNUSED: Readonly<Record<WayKind, Way>> = {
  equals: createWay("equals"),
  bands: createWay("bands"),
  above: createWay("above"),
  below: createWay("below"),
  stretches: createWay("stretches"),
  present: createWay("present"),
};
