/** Work in slices: it yields after each, so that its caller can let others have their turn of the event loop. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** Runs all slices at once: where nobody waits, and where the work is known to be small. */
export function finish<Result>(work: Slices<Result>): Result {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

/** Bytes, or characters, that one slice reads: some milliseconds of parsing, at most. */
export const SLICE_BYTES = 65_536;

/** Counts what a slice has done. */
export class SliceBudget {
  readonly #size: number;
  #left: number;

  constructor(size: number = SLICE_BYTES) {
    this.#size = size;
    this.#left = size;
  }

  /** Counts work; true when the slice is full, and counting begins anew. */
  spend(amount: number): boolean {
    this.#left -= amount;
    if (this.#left > 0) return false;
    this.#left = this.#size;
    return true;
  }
}
