import { EventTooCostly } from "../event/event-too-costly.ts";
import { SliceBudget, type Slices } from "../slices.ts";
import type { ConditionSubject, ReadField } from "./field.ts";
import { lowerCaseSlices } from "./lower-case.ts";
import { NeedleSearch, needleGroups } from "./needles.ts";

/** Work on fields and texts before the rest is deferred, in steps of some 50 ns. */
const STEPS_AT_ONCE = 100_000;

/** Most steps of work on the fields and texts of one event: some three seconds, in slices. */
const MAX_STEPS = 60_000_000;

/** Most rounds of `settle`. Each defers only work that no round before it deferred. */
const MAX_ROUNDS = 256;

/** Character comparisons in the time of a step. */
const COMPARISONS_PER_STEP = 100;

/** Characters searched or lower-cased in the time of a step. */
const CHARACTERS_PER_STEP = 16;

/** Array elements walked in the time of a step. */
const ELEMENTS_PER_STEP = 4;

/** Tests of fewer values are never deferred. */
const FEW_VALUES = 64;

const NOTHING: readonly unknown[] = [];

/** A test on the values of a field. */
interface Test {
  readonly op: string;
  readonly operand: unknown;
}

/**
 * The state of evaluating conditions on one event. Cheap work is done immediately. Expensive work is deferred: its result
 * is assumed, and the evaluation is then not complete. `settle` does the deferred work in slices, with one pass over a
 * text for all needles of its field, and evaluates again.
 */
export class Evaluation {
  /** Array elements walked so far. Updated by field readers. */
  walkedElements = 0;
  readonly #atOnce: number;
  #stepsAtOnce: number;
  #stepsLeft = MAX_STEPS;
  #isComplete = true;
  /** The assumed result of a deferred test. It alternates between rounds, so that each round reaches other tests. */
  #assumed = true;
  /** Results of deferred work. */
  #known: Known | undefined;
  #deferred: Deferred | undefined;

  constructor(stepsAtOnce = STEPS_AT_ONCE) {
    this.#atOnce = stepsAtOnce;
    this.#stepsAtOnce = stepsAtOnce;
  }

  /** False if some result of the present round was assumed. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Returns the values of a field, or none if reading it is deferred. */
  valuesOf(name: string, read: ReadField, subject: ConditionSubject): readonly unknown[] {
    const known = this.#known?.values.get(name);
    if (known !== undefined) return known;
    if (this.#stepsAtOnce <= 0) {
      this.#defer().fields.set(name, () => read(subject));
      return NOTHING;
    }
    const before = this.walkedElements;
    const values = read(subject);
    this.#stepsAtOnce -= (this.walkedElements - before) / ELEMENTS_PER_STEP;
    return values;
  }

  /** Whether the values of a field pass a test, by `passes`. An expensive test is deferred. */
  passes<T extends Test>(
    test: T,
    name: string,
    values: readonly unknown[],
    passes: (test: T, values: readonly unknown[]) => boolean,
  ): boolean {
    const { op, operand } = test;
    if (op === "contains" && typeof operand === "string") return this.#contains(name, values, operand);
    if (values.length < FEW_VALUES) return passes(test, values);
    const known = this.#known?.tests.get(test);
    if (known !== undefined) return known;
    if (values.length > this.#stepsAtOnce) {
      this.#defer().tests.set(test, { steps: values.length, run: () => passes(test, values) });
      return this.#assumed;
    }
    this.#stepsAtOnce -= values.length;
    return passes(test, values);
  }

  /** Returns the texts of a field in lower case, or none if that is deferred. */
  lowerCase(name: string, texts: readonly string[]): readonly string[] {
    const steps = charactersIn(texts) / CHARACTERS_PER_STEP;
    if (steps <= this.#stepsAtOnce) {
      this.#stepsAtOnce -= steps;
      return texts.map((text) => text.toLowerCase());
    }
    const known = this.#known?.lowered.get(name);
    if (known !== undefined) return known;
    this.#defer().lowered.set(name, texts);
    return [];
  }

  /** Repeats `evaluate` until no result is assumed. Throws `EventTooCostly` before work that exceeds the budget. */
  *settle<Result>(evaluate: () => Result): Slices<Result> {
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      this.#begin();
      const result = evaluate();
      if (this.#isComplete) return result;
      yield;
      yield* this.#doDeferred();
    }
    throw tooCostly();
  }

  #begin(): void {
    this.#isComplete = true;
    this.#stepsAtOnce = this.#atOnce;
    this.#assumed = !this.#assumed;
  }

  #contains(name: string, values: readonly unknown[], needle: string): boolean {
    const known = this.#known?.found.get(name)?.get(needle);
    if (known !== undefined) return known;
    const characters = charactersIn(values);
    if (characters < needle.length) return false;
    // The worst case of a plain search.
    const steps = values.length + (characters * needle.length) / COMPARISONS_PER_STEP;
    if (steps <= this.#stepsAtOnce) {
      this.#stepsAtOnce -= steps;
      for (const value of values) if (typeof value === "string" && value.includes(needle)) return true;
      return false;
    }
    const { searches } = this.#defer();
    const search = searches.get(name) ?? { values, needles: new Set() };
    search.needles.add(needle);
    searches.set(name, search);
    return this.#assumed;
  }

  #defer(): Deferred {
    this.#isComplete = false;
    this.#deferred ??= newDeferred();
    return this.#deferred;
  }

  /** Does the deferred work. */
  *#doDeferred(): Slices<void> {
    const { fields, lowered, searches, tests } = this.#deferred ?? newDeferred();
    this.#deferred = undefined;
    this.#known ??= { values: new Map(), lowered: new Map(), found: new Map(), tests: new Map() };
    const known = this.#known;
    const budget = new SliceBudget();
    for (const [name, texts] of lowered) {
      this.#spend(charactersIn(texts) / CHARACTERS_PER_STEP);
      const result: string[] = [];
      for (const text of texts) result.push(yield* lowerCaseSlices(text, budget));
      known.lowered.set(name, result);
    }
    for (const [name, read] of fields) {
      this.#stepsAtOnce = STEPS_AT_ONCE;
      const before = this.walkedElements;
      const values = read();
      const walked = this.walkedElements - before;
      this.#spend(walked / ELEMENTS_PER_STEP);
      // If lower-casing its texts was deferred, the field is read again in the next round.
      if (!this.#isLowered(name)) known.values.set(name, values);
      if (budget.spend(1 + walked * (CHARACTERS_PER_STEP / ELEMENTS_PER_STEP))) yield;
    }
    for (const [test, { steps, run }] of tests) {
      this.#spend(steps);
      known.tests.set(test, run());
      if (budget.spend(steps * CHARACTERS_PER_STEP)) yield;
    }
    for (const [name, { values, needles }] of searches) {
      const found = known.found.get(name) ?? new Map<string, boolean>();
      known.found.set(name, found);
      const steps = charactersIn(values) / CHARACTERS_PER_STEP;
      for (const group of needleGroups(needles)) {
        this.#spend(steps);
        const search = new NeedleSearch(group);
        this.#spend(search.entries / CHARACTERS_PER_STEP);
        if (budget.spend(search.entries)) yield;
        for (const value of values) if (typeof value === "string") yield* search.search(value, budget);
        for (const needle of group) found.set(needle, search.found.has(needle));
      }
    }
  }

  #isLowered(name: string): boolean {
    return this.#deferred?.lowered.has(name) ?? false;
  }

  #spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw tooCostly();
  }
}

/** Results of deferred work. */
interface Known {
  /** By field. */
  readonly values: Map<string, readonly unknown[]>;
  /** By field. */
  readonly lowered: Map<string, readonly string[]>;
  /** By field and needle. */
  readonly found: Map<string, Map<string, boolean>>;
  readonly tests: Map<Test, boolean>;
}

/** Work to do before the next round, by field or test. */
interface Deferred {
  readonly fields: Map<string, () => readonly unknown[]>;
  readonly lowered: Map<string, readonly string[]>;
  readonly searches: Map<string, { values: readonly unknown[]; needles: Set<string> }>;
  readonly tests: Map<Test, { steps: number; run: () => boolean }>;
}

function newDeferred(): Deferred {
  return { fields: new Map(), lowered: new Map(), searches: new Map(), tests: new Map() };
}

function charactersIn(values: readonly unknown[]): number {
  let characters = 0;
  for (const value of values) if (typeof value === "string") characters += value.length;
  return characters;
}

function tooCostly(): EventTooCostly {
  return new EventTooCostly(
    "match_work",
    `Matching the event takes more than ${MAX_STEPS} steps to read and search it: its tenant's conditions search too much text`,
  );
}
