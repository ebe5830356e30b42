import type { Entry } from "../entry.ts";
import type { Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";

/** An index over the values of one field, for predicates of one kind. It is given no keys of another kind. */
export interface FieldIndex {
  /** Estimates from the entries alone how likely an event makes an entry of this key a candidate, 0 to 1. */
  selectivity(key: Predicate): number;
  /** The mean of `selectivity` over the entries; above 0. */
  readonly meanSelectivity: number;
  add(key: Predicate, entry: Entry): void;
  remove(key: Predicate, entry: Entry): void;
  /** Adds every entry whose key the values meet as a candidate, and possibly others. */
  search(values: readonly unknown[], search: Search): void;
}
