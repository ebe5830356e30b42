import type { Slices } from "../../domain/slices.ts";

/** The size above which bodies are read in slices, bytes. */
export const LONG_BODY_BYTES = 1_048_576;

/**
 * Thrown by code that would read all of a long body at once. The receiver does the work in slices, then receives the
 * request again. The request keeps the results of the work.
 */
export class DeferredWork extends Error {
  readonly work: (scheme: { pointers: "all" | readonly string[] }) => Slices<void>;

  constructor(work: DeferredWork["work"]) {
    super("The body is long: work on all of it is deferred");
    this.work = work;
  }
}
