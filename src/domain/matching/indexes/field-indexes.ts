import type { Entry } from "../entry.ts";
import type { Field } from "../fields.ts";
import type { Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import { createWay, type Way, type WayKind, wayKind } from "./field-index.ts";

/** A way of a field, and what it was seen to offer. */
interface TriedWay {
  readonly kind: WayKind;
  readonly way: Way;
  /** Entries filed, each as often as it has keys here. */
  entries: number;
  searches: number;
  /** Entries that those searches were offered. */
  offers: number;
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
  cost(key: Step): number {
    const tried = this.#find(key);
    if (tried === undefined) return UNUSED[wayKind(key)].chance(key);
    const { way, entries, searches, offers } = tried;
    const seen = (offers / entries + way.meanChance) / (searches + 1);
    return (way.chance(key) / way.meanChance) * seen;
  }

  add(key: Step, entry: Entry): void {
    let tried = this.#find(key);
    if (tried === undefined) {
      const kind = wayKind(key);
      tried = { kind, way: createWay(kind), entries: 0, searches: 0, offers: 0 };
      this.#byField.set(key.field, [...(this.#byField.get(key.field) ?? []), tried]);
    }
    tried.entries += 1;
    tried.way.add(key, entry);
  }

  remove(key: Step, entry: Entry): void {
    const tried = this.#find(key);
    if (tried === undefined) return;
    tried.entries -= 1;
    tried.way.remove(key, entry);
    if (tried.entries > 0) return;
    const left = (this.#byField.get(key.field) ?? []).filter((one) => one !== tried);
    if (left.length === 0) this.#byField.delete(key.field);
    else this.#byField.set(key.field, left);
  }

  search(search: Search): void {
    for (const [field, ways] of this.#byField) {
      const values = search.valuesOf(field);
      for (const tried of ways) tryWay(tried, values, search);
    }
  }

  #find({ field, op }: Step): TriedWay | undefined {
    const kind = wayKind({ op });
    return this.#byField.get(field)?.find((one) => one.kind === kind);
  }
}

function tryWay(tried: TriedWay, values: readonly unknown[], search: Search): void {
  const before = search.offers;
  if (values.length > 0) tried.way.search(values, search);
  if (!search.isTelling) return;
  tried.searches += 1;
  tried.offers += search.offers - before;
  if (tried.searches < MAX_SEARCHES) return;
  tried.searches /= 2;
  tried.offers /= 2;
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
