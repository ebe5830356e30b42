import { EventTooCostly } from "../event/event-too-costly.ts";
import { SliceBudget, type Slices } from "../slices.ts";
import type { ConditionSubject, ReadField } from "./field.ts";
import { lowerCaseSlices } from "./lower-case.ts";
import { NeedleSearch, needleGroups } from "./needles.ts";

/** Work on fields and texts that is done at once, in steps of some 50 ns; beyond, it is put off. */
const STEPS_AT_ONCE = 100_000;

/** All work on fields and texts that one event may take, steps: some three seconds, in slices. */
const MAX_STEPS = 60_000_000;

/** Rounds of asking: each puts off only what none before it had. */
const MAX_ROUNDS = 256;

/** Comparisons of characters, and characters that are looked up, in the time of a step. */
const COMPARISONS_A_STEP = 100;
const CHARACTERS_A_STEP = 16;

/** Elements of arrays that are walked in the time of a step. */
const ELEMENTS_A_STEP = 4;

/** Fewer values are asked at once. */
const FEW_VALUES = 64;

const NOTHING: readonly unknown[] = [];

/** A test on the values of a field. */
interface Test {
  readonly op: string;
  readonly operand: unknown;
}

/**
 * The state of one event's evaluation while conditions are tested. Little work is done at once, as if there were no
 * evaluation. What would hold up others is put off: the answer is then only assumed, and the evaluation is not
 * complete. `settle` does what was put off in slices, all needles of a field in one pass over its text, and asks again.
 */
export class Evaluation {
  /** Elements of arrays that were walked, counted by who reads fields. */
  walkedElements = 0;
  readonly #atOnce: number;
  #stepsAtOnce: number;
  #stepsLeft = MAX_STEPS;
  #isComplete = true;
  /** The assumed answer of a test that is put off. Each round takes the other, and meets other tests so. */
  #assumed = true;
  /** Answers of tests that were put off, by the names of their fields. */
  #known: Known | undefined;
  #deferred: Deferred | undefined;

  constructor(stepsAtOnce = STEPS_AT_ONCE) {
    this.#atOnce = stepsAtOnce;
    this.#stepsAtOnce = stepsAtOnce;
  }

  /** False: what was asked since `begin` was answered by assumptions in part. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Reads a field, or puts it off. */
  valuesOf(name: string, read: ReadField, subject: ConditionSubject): readonly unknown[] {
    const known = this.#known?.values.get(name);
    if (known !== undefined) return known;
    if (this.#stepsAtOnce <= 0) {
      this.#defer().fields.set(name, () => read(subject));
      return NOTHING;
    }
    const before = this.walkedElements;
    const values = read(subject);
    this.#stepsAtOnce -= (this.walkedElements - before) / ELEMENTS_A_STEP;
    return values;
  }

  /** Whether the values of a field pass a test, by `passes`; those that take long are put off. */
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
      this.#defer().tests.set(test, { steps: values.length, answer: () => passes(test, values) });
      return this.#assumed;
    }
    this.#stepsAtOnce -= values.length;
    return passes(test, values);
  }

  /** The texts of a field in lower case. */
  lowerCase(name: string, texts: readonly string[]): readonly string[] {
    const steps = charactersIn(texts) / CHARACTERS_A_STEP;
    if (steps <= this.#stepsAtOnce) {
      this.#stepsAtOnce -= steps;
      return texts.map((text) => text.toLowerCase());
    }
    const known = this.#known?.lowered.get(name);
    if (known !== undefined) return known;
    this.#defer().lowered.set(name, texts);
    return [];
  }

  /** Asks again until nothing is assumed. Throws `EventTooCostly` before work that would be more than an event may take. */
  *settle<Result>(ask: () => Result): Slices<Result> {
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      this.#begin();
      const result = ask();
      if (this.#isComplete) return result;
      yield;
      yield* this.#catchUp();
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
    // As many as a search may compare, of the worst text and needle.
    const steps = values.length + (characters * needle.length) / COMPARISONS_A_STEP;
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

  /** Does what was put off. */
  *#catchUp(): Slices<void> {
    const { fields, lowered, searches, tests } = this.#deferred ?? newDeferred();
    this.#deferred = undefined;
    this.#known ??= { values: new Map(), lowered: new Map(), found: new Map(), tests: new Map() };
    const known = this.#known;
    const budget = new SliceBudget();
    for (const [name, texts] of lowered) {
      this.#spend(charactersIn(texts) / CHARACTERS_A_STEP);
      const result: string[] = [];
      for (const text of texts) result.push(yield* lowerCaseSlices(text, budget));
      known.lowered.set(name, result);
    }
    for (const [name, read] of fields) {
      this.#stepsAtOnce = STEPS_AT_ONCE;
      const before = this.walkedElements;
      const values = read();
      const walked = this.walkedElements - before;
      this.#spend(walked / ELEMENTS_A_STEP);
      // Texts to be made lower case may have been put off again: then it is read once more.
      if (!this.#isLowered(name)) known.values.set(name, values);
      if (budget.spend(1 + walked * (CHARACTERS_A_STEP / ELEMENTS_A_STEP))) yield;
    }
    for (const [test, { steps, answer }] of tests) {
      this.#spend(steps);
      known.tests.set(test, answer());
      if (budget.spend(steps * CHARACTERS_A_STEP)) yield;
    }
    for (const [name, { values, needles }] of searches) {
      const answers = known.found.get(name) ?? new Map<string, boolean>();
      known.found.set(name, answers);
      const steps = charactersIn(values) / CHARACTERS_A_STEP;
      for (const group of needleGroups(needles)) {
        this.#spend(steps);
        const search = new NeedleSearch(group);
        this.#spend(search.entries / CHARACTERS_A_STEP);
        if (budget.spend(search.entries)) yield;
        for (const value of values) if (typeof value === "string") yield* search.search(value, budget);
        for (const needle of group) answers.set(needle, search.found.has(needle));
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

interface Known {
  readonly values: Map<string, readonly unknown[]>;
  readonly lowered: Map<string, readonly string[]>;
  /** By field and needle. */
  readonly found: Map<string, Map<string, boolean>>;
  readonly tests: Map<Test, boolean>;
}

interface Deferred {
  readonly fields: Map<string, () => readonly unknown[]>;
  readonly lowered: Map<string, readonly string[]>;
  readonly searches: Map<string, { values: readonly unknown[]; needles: Set<string> }>;
  readonly tests: Map<Test, { steps: number; answer: () => boolean }>;
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
    `Matching the event takes more than ${MAX_STEPS} steps of reading and searching it: its tenant's conditions search too much text`,
  );
}
