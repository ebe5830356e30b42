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
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([run.signal, deadline]);
    const { event, attempt, idempotencyKey } = run;
    const { log, end } = openLog(run);
    const step = openSteps(run, signal);
    try {
      await untilAborted(handler({ event, attempt, idempotencyKey, signal, log, step }), signal);
      return { kind: "done" };
    } catch (thrown) {
      if (deadline.aborted) return failure("TIMEOUT", `The handler took more than ${timeoutMs} ms`);
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      return failure("HANDLER_THREW", error.message, { stack: error.stack, step: failedStep(error) });
    } finally {
      await end();
    }
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
