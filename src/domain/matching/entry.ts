import type { Predicate } from "./predicate.ts";
import type { Program } from "./program.ts";
import type { IndexedTrigger } from "./trigger.ts";

/** A trigger in one partition. There may be 100,000 of these, so every member counts. */
export interface Entry {
  /** Undefined for a trigger without a condition, and for an entry of a `ScanList`, whose rows hold the program. */
  program: Program | undefined;
  /** Index keys of which an event must meet at least one. Undefined for an entry of a `ScanList`. */
  keys: Predicate | readonly Predicate[] | undefined;
  /** The epoch of the last search in which the entry was a candidate. */
  epoch: number;
  /** Registration order. */
  readonly order: number;
  readonly id: string;
  readonly trigger: IndexedTrigger;
  /** The same trigger in another partition. */
  readonly next: Entry | undefined;
}
