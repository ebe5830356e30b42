import { EventTooCostly } from "../event/event-too-costly.ts";
import type { Entry } from "./entry.ts";
import type { Field } from "./fields.ts";
import { meets, type Step } from "./predicate.ts";
import { isMet } from "./program.ts";
import type { EventSubject } from "./trigger.ts";

/**
 * Steps that one look at an event's triggers may cost, each about the time of one test: some 20 ms. It cannot be
 * interrupted, so that an event that takes more is given up. Work on fields and texts is counted by the evaluation.
 */
const MAX_STEPS = 400_000;

/** Characters of texts that one event has looked up, all in all; some milliseconds. Beyond, entries are asked. */
const MAX_LOOKED_UP = 524_288;

/** Comparisons of characters, at worst, that take no longer than a few steps. */
const FEW_COMPARISONS = 2_048;

/** Values of more than these are counted where they are asked. */
const MAX_VALUES_COUNTED = 64;

/** Entries kept of those that are offered in vain. */
const MAX_VAIN_KEPT = 4;

const NONE: readonly Entry[] = [];

/** One event on its way through the index: what was read of it, and which entries it has met. */
export class Search {
  readonly matched: Entry[] = [];
  /** Entries offered, again or not. */
  offers = 0;
  readonly #subject: EventSubject;
  readonly #round: number;
  readonly #read: Field[] = [];
  #stepsLeft = MAX_STEPS;
  #charactersLeft = MAX_LOOKED_UP;
  #isBlind = false;
  #vainOffers = 0;
  #vain: Entry[] | undefined;
  /** Chooses which of them are kept: another sequence in every search, and no randomness from outside. */
  #dice: number;

  /** `round` tells this search from all others since the entries' rounds were last set to 0. */
  constructor(subject: EventSubject, round: number) {
    this.#subject = subject;
    this.#round = round;
    this.#dice = round;
  }

  /** Whether the event meets a step. */
  meets(step: Step): boolean {
    const values = this.valuesOf(step.field);
    if (step.op === "contains" && values.length === 1) {
      const [value] = values;
      if (typeof value !== "string") return false;
      const comparisons = value.length * (step.operand as string).length;
      if (comparisons <= FEW_COMPARISONS) {
        this.#stepsLeft -= 1 + (comparisons >> 7);
        return value.includes(step.operand as string);
      }
    }
    this.#stepsLeft -= values.length < 2 ? 1 : Math.min(values.length, MAX_VALUES_COUNTED);
    if (values.length < 2 && step.op !== "contains") return meets(step, values);
    return this.#subject.evaluation.passes(step, step.field.name, values, meets);
  }

  /** What the event holds at a field. It is read once. */
  valuesOf(field: Field): readonly unknown[] {
    if (field.values !== undefined) return field.values;
    const values = this.#subject.evaluation.valuesOf(field.name, field.read, this.#subject);
    field.values = values;
    this.#read.push(field);
    this.spend(1);
    return values;
  }

  /**
   * Whether texts of so many characters may be looked up at once. If not, entries are offered that none of them may
   * hold, and nothing is to be learned from what is offered.
   */
  mayLookUp(characters: number): boolean {
    if (characters > this.#charactersLeft) {
      this.#isBlind = true;
      return false;
    }
    this.#charactersLeft -= characters;
    return true;
  }

  /** Whether what was offered tells how good the keys are. */
  get isTelling(): boolean {
    return !this.#isBlind && this.#subject.evaluation.isComplete;
  }

  /** Asks an entry whose key the event may hold, unless it was asked before. */
  offer(entry: Entry): void {
    this.offers += 1;
    if (entry.round === this.#round) return;
    entry.round = this.#round;
    if (!this.ask(entry)) this.#keepVain(entry);
  }

  /** As `offer`, of an entry whose key the event is known to hold: that may be all that there is to ask. */
  offerExact(entry: Entry): void {
    this.offers += 1;
    if (entry.round === this.#round) return;
    entry.round = this.#round;
    if (!this.ask(entry, entry.keys)) this.#keepVain(entry);
  }

  /** Asks an entry that is asked only once. Of the step `known`, if it is one, the event is known to meet it. */
  ask(entry: Entry, known?: Entry["keys"]): boolean {
    this.spend(1);
    const { program } = entry;
    const isMatched = program === undefined || program === known || isMet(program, this, known);
    if (isMatched) this.matched.push(entry);
    return isMatched;
  }

  /** Steps that were taken. */
  get steps(): number {
    return MAX_STEPS - this.#stepsLeft;
  }

  /** Forgets what was offered in vain: what is offered from now on is another partition's. */
  startPartition(): void {
    this.#vainOffers = 0;
    this.#vain = undefined;
  }

  /** Entries that the partition has offered in vain. */
  get vainOffers(): number {
    return this.#vainOffers;
  }

  /** A few of those, each as likely as another. */
  get vain(): readonly Entry[] {
    return this.#vain ?? NONE;
  }

  #keepVain(entry: Entry): void {
    this.#vainOffers += 1;
    this.#dice = (Math.imul(this.#dice, 1_664_525) + 1_013_904_223) | 0;
    const place = (this.#dice >>> 8) % this.#vainOffers;
    if (place >= MAX_VAIN_KEPT) return;
    this.#vain ??= [];
    this.#vain[Math.min(place, this.#vain.length)] = entry;
  }

  /** Throws `EventTooCostly` when the event has cost more than an event may. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) {
      throw new EventTooCostly(
        "match_steps",
        `Matching the event takes more than ${MAX_STEPS} steps: its tenant has too many triggers that nothing but a look at each can decide`,
      );
    }
  }

  /** Lets go of what was read. The next search may begin only then. */
  end(): void {
    for (const field of this.#read) field.values = undefined;
  }
}
