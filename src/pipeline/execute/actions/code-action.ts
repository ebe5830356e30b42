import type { NormalizedEvent } from "../../../domain/event/event.ts";
import type { RunAction, RunAttempt } from "../../../domain/flow/flow-run.ts";
import type { CallHandler, HandedRun, HandlerEnd } from "../../../domain/flow/handler-call.ts";
import type { AttemptError, Outcome } from "../../../domain/flow/outcome.ts";
import { stringifySlices } from "../../../domain/json/stringify-slices.ts";
import { inTurns } from "../../../runtime/turns.ts";
import type { RunLog } from "./code-log.ts";
import type { StepStore } from "./code-steps.ts";

/** Calls handlers of code flows, which run in other processes. */
export function createCodeAction(deps: {
  handlers: { get(id: string): CallHandler | undefined };
  timeoutMs: number;
  openLog: (run: RunAttempt) => RunLog;
  openSteps: (run: RunAttempt) => StepStore;
}): RunAction {
  const { handlers, timeoutMs, openLog, openSteps } = deps;
  return async (run) => {
    const { action } = run.definition;
    const name = action.type === "code" ? action.handler : "";
    const handler = handlers.get(name);
    // Retried: another process or the next release may have it.
    if (handler === undefined) return failure("HANDLER_MISSING", `No flow file defines the handler ${name}`);
    const { event, attempt, idempotencyKey, runId, tenantId, flowId, lease } = run;
    const { log, drop, end } = openLog(run);
    const steps = openSteps(run);
    const ended = await handler({
      run: { event: await handed(event), attempt, idempotencyKey },
      runId,
      owner: `${tenantId}/${flowId}`,
      timeoutMs,
      signal: lease.signal,
      onLine: ({ level, message, fields }) => log[level](message, fields),
      onDropped: drop,
      loadSteps: steps.load,
      keepStep: steps.keep,
    });
    await end();
    return outcomeOf(ended, timeoutMs);
  };
}

/** Returns an event without its parsed data, with the text of it. */
async function handed({ data, dataText, ...event }: NormalizedEvent): Promise<HandedRun["event"]> {
  return { ...event, json: dataText?.toString() ?? (await inTurns(stringifySlices(data))) };
}

function outcomeOf(end: HandlerEnd, timeoutMs: number): Outcome {
  switch (end.kind) {
    case "returned":
      return { kind: "done" };
    case "threw": {
      const { message, stack, step, endsRunAs, retryInMs: delayMs } = end.error;
      if (endsRunAs !== undefined) {
        return { kind: "dead", error: { code: endsRunAs, message, stack, step } };
      }
      const failed = failure("HANDLER_THREW", message, { stack, step });
      return delayMs === undefined ? failed : { ...failed, delayMs, replacesBackoff: true };
    }
    case "died":
      return failure(end.code, end.message, { stack: end.stack });
    case "timed_out":
      return failure("TIMEOUT", `The handler took more than ${timeoutMs} ms`);
    case "refused":
      return { kind: "held", reason: end.reason, delayMs: end.delayMs };
    case "aborted":
      // Never written: the lease is lost.
      return failure("ABORTED", "The run's lease was lost");
  }
}

function failure(
  code: string,
  message: string,
  where: Pick<AttemptError, "stack" | "step"> = {},
): Outcome & { kind: "retry" } {
  return { kind: "retry", error: { code, message, ...where } };
}
