import type { Band, Check, LeafCheck } from "./check.ts";
import type { IndexedTrigger } from "./trigger.ts";

/** A trigger in one partition. There may be 100,000 of these: every member counts. */
export interface Entry {
  readonly trigger: IndexedTrigger;
  /** Its place in the order of registration. */
  readonly order: number;
  /** Undefined: every event of the partition meets it. */
  readonly check: Check | undefined;
  /** What it is found by; undefined where it is offered to every event. */
  keys: Key | readonly Key[] | undefined;
  /** The last search that it was offered to. */
  round: number;
  /** The same trigger in another partition. */
  readonly next: Entry | undefined;
}

/** Something that an event must hold for a check to be met: one leaf of it, or two bounds. */
export type Key = LeafCheck | Band;
