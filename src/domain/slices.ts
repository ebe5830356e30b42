/** Work in slices: it yields after each, so that its caller can return to the event loop. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** Runs all slices without a pause, for small work or where nothing else waits. */
export function finish<Result>(work: Slices<Result>): Result {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

/** Bytes, or characters, processed in one slice: some milliseconds of parsing at most. */
export const SLICE_BYTES = 65_536;

/** Counts the work of a slice. */
export class SliceBudget {
  readonly #size: number;
  #left: number;

  constructor(size: number = SLICE_BYTES) {
    this.#size = size;
    this.#left = size;
  }

  /** Counts work. Returns true if the slice is full, and then starts a new one. */
  spend(amount: number): boolean {
    this.#left -= amount;
    if (this.#left > 0) return false;
    this.#left = this.#size;
    return true;
  }
}
