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
  openSteps: (run: RunAttempt, signal: AbortSignal) => RunStep;
}): RunAction {
  const { handlers, timeoutMs, openLog, openSteps } = deps;
  return async (run) => {
    const { action } = run.definition;
    const name = action.type === "code" ? action.handler : "";
    const handler = handlers.get(name);
    // Another copy, or the next release, may have it.
    if (handler === undefined) return failure("HANDLER_MISSING", `No flow file defines the handler ${name}`);
    const { signal, isLate, settle } = deadlineOf(run.signal, timeoutMs);
    const { event, attempt, idempotencyKey } = run;
    const { log, end } = openLog(run);
    const step = openSteps(run, signal);
    try {
      await untilAborted(handler({ event, attempt, idempotencyKey, signal, log, step }), signal);
      return { kind: "done" };
    } catch (thrown) {
      if (isLate()) return failure("TIMEOUT", `The handler took more than ${timeoutMs} ms`);
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      return failure("HANDLER_THREW", error.message, { stack: error.stack, step: failedStep(error) });
    } finally {
      settle();
      await end();
    }
  };
}

/** Aborted with the run's signal, and at the deadline; `AbortSignal.any` would cost more than a short run does. */
function deadlineOf(run: AbortSignal, timeoutMs: number) {
  const abort = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort.abort(new DOMException("The run took too long", "TimeoutError"));
  }, timeoutMs);
  const onRunAborted = () => abort.abort(run.reason);
  if (run.aborted) onRunAborted();
  run.addEventListener("abort", onRunAborted, { once: true });
  return {
    signal: abort.signal,
    isLate: () => late,
    settle() {
      clearTimeout(timer);
      run.removeEventListener("abort", onRunAborted);
    },
  };
}

/** A handler that ignores its signal is left behind at the deadline. */
function untilAborted(result: unknown, signal: AbortSignal): Promise<unknown> | unknown {
  if (!(result instanceof Promise)) return result;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function failure(code: string, message: string, where: Pick<AttemptError, "stack" | "step"> = {}): Outcome {
  return { kind: "retry", error: { code, message, ...where } };
}
