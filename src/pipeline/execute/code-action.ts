import type { RunAction, RunAttempt } from "../../domain/flow-run.ts";
import type { AttemptError, Outcome } from "../../domain/outcome.ts";
import type { HandlerLog, RunLog } from "./code-log.ts";
import { failedStep, type RunStep } from "./code-steps.ts";

/** A handler of a code flow, as `defineFlow` gives it. */
export type Handler = (context: HandlerContext) => unknown;

/** What a handler is given. */
export interface HandlerContext {
  event: RunAttempt["event"];
  /** Counts from 1. */
  attempt: number;
  /** The same on every attempt of this run: hand it to whatever you call. */
  idempotencyKey: string;
  /** Aborted at the deadline, when the run was cancelled, and when the run is no longer this process's. */
  signal: AbortSignal;
  /** The run's own log, which the API shows; fields that may hold a secret are redacted. */
  log: HandlerLog;
  step: RunStep;
}

/** Runs handlers in this process: they are the operator's own code, never a tenant's. */
export function createCodeAction(deps: {
  handlers: Pick<ReadonlyMap<string, Handler>, "get">;
  timeoutMs: number;
  openLog: (run: RunAttempt) => RunLog;
  openSteps: (run: RunAttempt, deadline: { readonly signal: AbortSignal }) => RunStep;
}): RunAction {
  const { handlers, timeoutMs, openLog, openSteps } = deps;
  return async (run) => {
    const { action } = run.definition;
    const name = action.type === "code" ? action.handler : "";
    const handler = handlers.get(name);
    // Another copy, or the next release, may have it.
    if (handler === undefined) return failure("HANDLER_MISSING", `No flow file defines the handler ${name}`);
    const deadline = new Deadline(run, timeoutMs);
    const { log, end } = openLog(run);
    try {
      const result = handler(new Context(run, deadline, log, openSteps(run, deadline)));
      // One that has ended by now needs no deadline.
      if (isThenable(result)) await untilAborted(Promise.resolve(result), deadline.signal);
      return { kind: "done" };
    } catch (thrown) {
      if (deadline.isLate) return failure("TIMEOUT", `The handler took more than ${timeoutMs} ms`);
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      return failure("HANDLER_THREW", error.message, { stack: error.stack, step: failedStep(error) });
    } finally {
      deadline.settle();
      await end();
    }
  };
}

/** What may still be under way: a promise, also one of another library. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
}

/** A class, since an object with a getter of its own has a shape of its own, which V8 keeps until it marks its heap. */
class Context implements HandlerContext {
  readonly event: RunAttempt["event"];
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly log: HandlerLog;
  readonly step: RunStep;
  readonly #deadline: Deadline;

  constructor(run: RunAttempt, deadline: Deadline, log: HandlerLog, step: RunStep) {
    this.event = run.event;
    this.attempt = run.attempt;
    this.idempotencyKey = run.idempotencyKey;
    this.log = log;
    this.step = step;
    this.#deadline = deadline;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }
}

/**
 * Aborted with the run's signal, and at the deadline; `AbortSignal.any` would cost more than a short run does. It counts
 * from when its signal is first asked for, which is before anybody can wait.
 */
class Deadline {
  readonly #run: RunAttempt;
  readonly #timeoutMs: number;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  isLate = false;

  constructor(run: RunAttempt, timeoutMs: number) {
    this.#run = run;
    this.#timeoutMs = timeoutMs;
  }

  get signal(): AbortSignal {
    this.#abort ??= this.#start();
    return this.#abort.signal;
  }

  #start(): AbortController {
    const abort = new AbortController();
    const { signal } = this.#run.hold;
    this.#timer = setTimeout(() => {
      this.isLate = true;
      abort.abort(new DOMException("The run took too long", "TimeoutError"));
    }, this.#timeoutMs);
    if (signal.aborted) abort.abort(signal.reason);
    else signal.addEventListener("abort", this.#onRunAborted, { once: true });
    return abort;
  }

  readonly #onRunAborted = () => this.#abort?.abort(this.#run.hold.signal.reason);

  settle(): void {
    if (this.#abort === undefined) return;
    clearTimeout(this.#timer);
    this.#run.hold.signal.removeEventListener("abort", this.#onRunAborted);
  }
}

/** A handler that ignores its signal is left behind at the deadline. */
function untilAborted(result: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function failure(code: string, message: string, where: Pick<AttemptError, "stack" | "step"> = {}): Outcome {
  return { kind: "retry", error: { code, message, ...where } };
}
