import type { Entry } from "../entry.ts";
import type { Field } from "../fields.ts";
import type { Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import { createFieldIndex, type IndexKind, indexKindOf } from "./create-field-index.ts";
import type { FieldIndex } from "./field-index.ts";

/** An index of a field, and how many candidates its searches have produced. */
interface MeasuredIndex {
  readonly kind: IndexKind;
  readonly index: FieldIndex;
  /** Entries, each counted once per key that it has here. */
  entries: number;
  searches: number;
  /** Candidates that those searches added. */
  candidates: number;
}

/** After this many searches the counts are halved, so that older searches weigh less. */
const MAX_SEARCHES = 1_024;

/** The indexes of one partition, by field and kind. An index that becomes empty is dropped. */
export class FieldIndexes {
  readonly #byField = new Map<Field, MeasuredIndex[]>();

  get isEmpty(): boolean {
    return this.#byField.size === 0;
  }

  /**
   * Estimates how likely an event makes an entry of this key a candidate: the key's selectivity, corrected by the
   * measured candidates of its index.
   */
  cost(key: Predicate): number {
    const measured = this.#find(key);
    if (measured === undefined) return EMPTY_INDEXES[indexKindOf(key)].selectivity(key);
    const { index, entries, searches, candidates } = measured;
    const mean = (candidates / entries + index.meanSelectivity) / (searches + 1);
    return (index.selectivity(key) / index.meanSelectivity) * mean;
  }

  add(key: Predicate, entry: Entry): void {
    let measured = this.#find(key);
    if (measured === undefined) {
      const kind = indexKindOf(key);
      measured = { kind, index: createFieldIndex(kind), entries: 0, searches: 0, candidates: 0 };
      this.#byField.set(key.field, [...(this.#byField.get(key.field) ?? []), measured]);
    }
    measured.entries += 1;
    measured.index.add(key, entry);
  }

  remove(key: Predicate, entry: Entry): void {
    const measured = this.#find(key);
    if (measured === undefined) return;
    measured.entries -= 1;
    measured.index.remove(key, entry);
    if (measured.entries > 0) return;
    const others = (this.#byField.get(key.field) ?? []).filter((one) => one !== measured);
    if (others.length === 0) this.#byField.delete(key.field);
    else this.#byField.set(key.field, others);
  }

  /** Searches every index by the event's values of its field. */
  search(search: Search): void {
    for (const [field, indexes] of this.#byField) {
      const values = search.valuesOf(field);
      for (const measured of indexes) searchMeasured(measured, values, search);
    }
  }

  #find({ field, op }: Predicate): MeasuredIndex | undefined {
    const kind = indexKindOf({ op });
    return this.#byField.get(field)?.find((one) => one.kind === kind);
  }
}

function searchMeasured(measured: MeasuredIndex, values: readonly unknown[], search: Search): void {
  const before = search.candidates;
  if (values.length > 0) measured.index.search(values, search);
  if (!search.isRepresentative) return;
  measured.searches += 1;
  measured.candidates += search.candidates - before;
  if (measured.searches < MAX_SEARCHES) return;
  measured.searches /= 2;
  measured.candidates /= 2;
}

/** Estimates the selectivity of keys whose index does not exist yet. */
const EMPTY_INDEXES: Readonly<Record<IndexKind, FieldIndex>> = {
  equality: createFieldIndex("equality"),
  interval: createFieldIndex("interval"),
  above: createFieldIndex("above"),
  below: createFieldIndex("below"),
  ngram: createFieldIndex("ngram"),
  presence: createFieldIndex("presence"),
};
