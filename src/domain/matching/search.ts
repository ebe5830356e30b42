import { EventTooCostly } from "../event/event-too-costly.ts";
import type { Entry } from "./entry.ts";
import type { Field } from "./fields.ts";
import { meets, type Predicate } from "./predicate.ts";
import { isMet } from "./program.ts";
import type { EventSubject } from "./trigger.ts";

/**
 * Most steps of one search, some 20 ms; a step takes about the time of one predicate. A search is not interruptible, so
 * an event that needs more is given up. Reading fields and searching texts is limited separately, by the `Evaluation`.
 */
const MAX_STEPS = 400_000;

/** Most characters looked up in n-gram indexes, some milliseconds. Beyond, all entries of the index are candidates. */
const MAX_LOOKUP_CHARACTERS = 524_288;

/** Character comparisons, in the worst case, that take no longer than a few steps. */
const FEW_COMPARISONS = 2_048;

/** Most values of a field that count as steps here. Above, the evaluation counts them. */
const MAX_VALUES_COUNTED = 64;

/** Most false positives kept for refiling. */
const MAX_SAMPLE = 4;

const NONE: readonly Entry[] = [];

/** The search of the index for one event: its budget, the fields read so far, and the entries matched. */
export class Search {
  readonly matched: Entry[] = [];
  /** Candidates added, repetitions included. */
  candidates = 0;
  readonly #subject: EventSubject;
  readonly #epoch: number;
  readonly #read: Field[] = [];
  #stepsLeft = MAX_STEPS;
  #charactersLeft = MAX_LOOKUP_CHARACTERS;
  #lookupsSkipped = false;
  #falsePositives = 0;
  #sample: Entry[] | undefined;
  /** The state of the pseudo-random generator for the sample, seeded by the epoch. */
  #random: number;

  /** `epoch` differs from that of every other search since the epochs of all entries were last reset to 0. */
  constructor(subject: EventSubject, epoch: number) {
    this.#subject = subject;
    this.#epoch = epoch;
    this.#random = epoch;
  }

  /** Whether the event meets a predicate. */
  meets(predicate: Predicate): boolean {
    const values = this.valuesOf(predicate.field);
    if (predicate.op === "contains" && values.length === 1) {
      const [value] = values;
      if (typeof value !== "string") return false;
      const comparisons = value.length * (predicate.operand as string).length;
      if (comparisons <= FEW_COMPARISONS) {
        this.#stepsLeft -= 1 + (comparisons >> 7);
        return value.includes(predicate.operand as string);
      }
    }
    this.#stepsLeft -= values.length < 2 ? 1 : Math.min(values.length, MAX_VALUES_COUNTED);
    if (values.length < 2 && predicate.op !== "contains") return meets(predicate, values);
    return this.#subject.evaluation.passes(predicate, predicate.field.name, values, meets);
  }

  /** Returns the event's values of a field, which is read once. */
  valuesOf(field: Field): readonly unknown[] {
    if (field.values !== undefined) return field.values;
    const values = this.#subject.evaluation.valuesOf(field.name, field.read, this.#subject);
    field.values = values;
    this.#read.push(field);
    this.spend(1);
    return values;
  }

  /**
   * Takes the characters of a lookup from the budget. Returns false if it is exhausted: then the index adds all of its
   * entries, and the counts of this search say nothing about its keys.
   */
  mayLookUp(characters: number): boolean {
    if (characters > this.#charactersLeft) {
      this.#lookupsSkipped = true;
      return false;
    }
    this.#charactersLeft -= characters;
    return true;
  }

  /** Whether the numbers of candidates and false positives tell how good the keys are. */
  get isRepresentative(): boolean {
    return !this.#lookupsSkipped && this.#subject.evaluation.isComplete;
  }

  /** Verifies an entry whose key the event may meet, unless this search has verified it. */
  addCandidate(entry: Entry): void {
    this.candidates += 1;
    if (entry.epoch === this.#epoch) return;
    entry.epoch = this.#epoch;
    if (!this.verify(entry)) this.#addFalsePositive(entry);
  }

  /** As `addCandidate`, for an entry whose key the event meets. The key itself is not evaluated again. */
  addExactCandidate(entry: Entry): void {
    this.candidates += 1;
    if (entry.epoch === this.#epoch) return;
    entry.epoch = this.#epoch;
    if (!this.verify(entry, entry.keys)) this.#addFalsePositive(entry);
  }

  /** Evaluates the entry's condition, and keeps the entry if it is met. The event meets `known` if that is a predicate. */
  verify(entry: Entry, known?: Entry["keys"]): boolean {
    this.spend(1);
    const { program } = entry;
    const isMatched = program === undefined || program === known || isMet(program, this, known);
    if (isMatched) this.matched.push(entry);
    return isMatched;
  }

  /** Steps spent so far. */
  get steps(): number {
    return MAX_STEPS - this.#stepsLeft;
  }

  /** Resets the false positives, which are counted for each partition. */
  startPartition(): void {
    this.#falsePositives = 0;
    this.#sample = undefined;
  }

  /** Candidates of the partition that did not match. */
  get falsePositives(): number {
    return this.#falsePositives;
  }

  /** A few of the false positives, chosen uniformly (reservoir sampling). */
  get falsePositiveSample(): readonly Entry[] {
    return this.#sample ?? NONE;
  }

  #addFalsePositive(entry: Entry): void {
    this.#falsePositives += 1;
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) | 0;
    const index = (this.#random >>> 8) % this.#falsePositives;
    if (index >= MAX_SAMPLE) return;
    this.#sample ??= [];
    this.#sample[Math.min(index, this.#sample.length)] = entry;
  }

  /** Spends steps. Throws `EventTooCostly` when the budget of the search is exhausted. */
  spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) {
      throw new EventTooCostly(
        "match_steps",
        `Matching the event takes more than ${MAX_STEPS} steps: its tenant has too many triggers that no index can narrow down`,
      );
    }
  }

  /** Releases the values read. Must be called before the next search. */
  end(): void {
    for (const field of this.#read) field.values = undefined;
  }
}
