/** The outcome of one attempt at a run. The run's next state follows from it. */
export type Outcome =
  /** The action succeeded. `result` is stored with the attempt; the action has limited its size. */
  | { kind: "done"; responseStatus?: number; result?: unknown }
  /**
   * The action may succeed later, and not before `delayMs`, a floor under the flow's back-off, as for a `Retry-After`. If
   * it `replacesBackoff`, it is the wait itself.
   */
  | {
      kind: "retry";
      error: AttemptError;
      responseStatus?: number;
      delayMs?: number;
      replacesBackoff?: true;
      target?: string;
    }
  /** A retry cannot help: the run becomes a dead letter now. `target` is the origin that was called. */
  | { kind: "dead"; error: AttemptError; responseStatus?: number; target?: string }
  /** The action was not started: the run waits `delayMs` and keeps its remaining attempts. */
  | Held;

/** The reason why a run is held, as the API shows it, and for how long. */
export interface Held {
  kind: "held";
  reason: string;
  delayMs: number;
}

/** The error of an attempt, as stored, shown and fingerprinted. Contains no secret and no payload. */
export interface AttemptError {
  /** Stable, in upper snake case: `HTTP_STATUS`, `TIMEOUT`, `CONNECTION`, `TARGET_REFUSED`, `HANDLER_THREW`. */
  code: string;
  message: string;
  stack?: string | undefined;
  /** The step of a code flow that failed. */
  step?: string | undefined;
}
