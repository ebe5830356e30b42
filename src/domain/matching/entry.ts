import type { Step } from "./predicate.ts";
import type { Program } from "./program.ts";
import type { IndexedTrigger } from "./trigger.ts";

/** A trigger in one partition. There may be 100,000 of these: every member counts. */
export interface Entry {
  /** Undefined where every event of the partition meets it, and where it lies in a row of them (`Asked`). */
  program: Program | undefined;
  /** What it is found by: steps of which an event has to meet one. Undefined where every event is asked. */
  keys: Step | readonly Step[] | undefined;
  /** The last search that it was offered to. */
  round: number;
  /** Its place in the order of registration. */
  readonly order: number;
  readonly id: string;
  readonly trigger: IndexedTrigger;
  /** The same trigger in another partition. */
  readonly next: Entry | undefined;
}
