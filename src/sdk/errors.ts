import { readWaitMs } from "../domain/waits/read-wait.ts";

/** The property of an error that says when its run may be tried again. Registered: each flow file has its own copy. */
const RETRY = Symbol.for("headrace.retry");

/** Means "do not try again": the run ends at once as a dead letter, whatever attempts are left. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  readonly [RETRY] = "never";
}

/**
 * Means "try again at": the next attempt, if one is left, begins at that time instead of after the flow's back-off, within
 * seven days. `at` is a date, a Unix time in ms, or the text of a `Retry-After` header; if such a text is missing or says
 * nothing, the flow's back-off applies.
 */
export class RetryAtError extends Error {
  override readonly name = "RetryAtError";
  /** Unix ms, if known. */
  readonly [RETRY]: number | undefined;

  constructor(message: string, at: Date | number | string | null | undefined, options?: ErrorOptions) {
    super(message, options);
    if (typeof at === "string" || at === null || at === undefined) {
      const nowMs = Date.now();
      const waitMs = readWaitMs(at ?? undefined, nowMs);
      this[RETRY] = waitMs === undefined ? undefined : nowMs + waitMs;
      return;
    }
    const atMs = Number(at);
    if (!Number.isFinite(atMs)) throw new TypeError("The time of a RetryAtError is not a valid date");
    this[RETRY] = atMs;
  }
}
