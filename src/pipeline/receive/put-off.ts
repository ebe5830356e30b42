import type { Slices } from "../../domain/slices.ts";

/** Longer bodies are read in slices, bytes. */
export const LONG_BODY_BYTES = 1_048_576;

/**
 * Thrown by what would read all of a long body at once. The receiver does the work in slices and judges the request
 * again; what was done is kept with the request.
 */
export class PutOff extends Error {
  readonly work: (scheme: { pointers: "all" | readonly string[] }) => Slices<void>;

  constructor(work: PutOff["work"]) {
    super("The body is long: what reads all of it is put off");
    this.work = work;
  }
}
