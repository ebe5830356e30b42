import type { ConditionSubject } from "../../../domain/condition/field.ts";
import { HeadraceError } from "../../../domain/errors.ts";
import { isMet } from "./check.ts";
import type { Entry } from "./entry.ts";
import type { Field } from "./fields.ts";

/**
 * Steps that one event may cost, each about the time of one test: some 20 ms. What a tenant may register has to be
 * bounded far below it; this bound keeps an event that slips through from holding up all others.
 */
const MAX_STEPS = 400_000;

/** Entries kept of those that are offered in vain. */
const MAX_VAIN_KEPT = 4;

/** One event on its way through the index: what was read of it, and which entries it has met. */
export class Search {
  readonly matched: Entry[] = [];
  /** Entries offered, again or not. */
  offers = 0;
  /** Entries offered that were not met. */
  vainOffers = 0;
  readonly #vain: Entry[] = [];
  /** Chooses which of them are kept: another sequence in every search, and no randomness from outside. */
  #dice: number;
  readonly #subject: ConditionSubject;
  readonly #round: number;
  readonly #read: Field[] = [];
  #stepsLeft = MAX_STEPS;

  /** `round` tells this search from all others since an entry was last reset to round 0. */
  constructor(subject: ConditionSubject, round: number) {
    this.#subject = subject;
    this.#round = round;
    this.#dice = round;
  }

  /** What the event holds at a field. It is read once. */
  valuesOf(field: Field): readonly unknown[] {
    this.#stepsLeft -= 1;
    if (field.values !== undefined) return field.values;
    const values = field.read(this.#subject);
    field.values = values;
    this.#read.push(field);
    this.spend(values.length);
    return values;
  }

  /** Asks an entry whose key the event holds, unless it was asked before. */
  offer(entry: Entry): void {
    this.offers += 1;
    if (entry.round === this.#round) return;
    entry.round = this.#round;
    this.spend(1);
    if (entry.check === undefined || isMet(entry.check, this)) {
      this.matched.push(entry);
      return;
    }
    this.vainOffers += 1;
    this.#dice = (Math.imul(this.#dice, 1_664_525) + 1_013_904_223) | 0;
    const place = (this.#dice >>> 8) % this.vainOffers;
    if (place < MAX_VAIN_KEPT) this.#vain[Math.min(place, this.#vain.length)] = entry;
  }

  /** A few of the entries that were offered in vain, each as likely as another. */
  get vain(): readonly Entry[] {
    return this.#vain;
  }

  /** Throws `unprocessable` when the event has cost more than an event may. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) {
      throw new HeadraceError(
        "unprocessable",
        `Matching the event takes more than ${MAX_STEPS} steps: its tenant has too many triggers that nothing but a look at each can decide`,
      );
    }
  }

  /** Lets go of what was read. The next search may begin only then. */
  end(): void {
    for (const field of this.#read) field.values = undefined;
  }
}
