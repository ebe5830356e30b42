/** What one attempt at a run came to. The stage that executes decides nothing else; the state follows from it. */
export type Outcome =
  /** The action succeeded; `result` is kept with the attempt (already bounded by the action). */
  | { kind: "done"; responseStatus?: number; result?: unknown }
  /** The action may succeed later. `delayMs` overrides the flow's back-off (a `Retry-After`), never shortens below 0. */
  | { kind: "retry"; error: AttemptError; responseStatus?: number; delayMs?: number; target?: string }
  /** Another attempt cannot help: the run goes to the dead letters now. `target` is the origin that was called. */
  | { kind: "dead"; error: AttemptError; responseStatus?: number; target?: string }
  /** Nothing was tried: the run waits `delayMs`, visibly, and has all its attempts left. */
  | Held;

/** Why a run is held, as the API shows it, and for how long, ms. */
export interface Held {
  kind: "held";
  reason: string;
  delayMs: number;
}

/** Why an attempt failed, as it is stored, shown and fingerprinted. Holds no secret and no payload. */
export interface AttemptError {
  /** Stable, upper snake case: `HTTP_STATUS`, `TIMEOUT`, `CONNECTION`, `TARGET_REFUSED`, `HANDLER_THREW`. */
  code: string;
  message: string;
  stack?: string | undefined;
  /** The step of a code flow that failed. */
  step?: string | undefined;
}
