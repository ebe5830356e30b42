import type { FlowDefinition, RetryPolicy } from "../../domain/flow.ts";
import { digestOf } from "../../domain/idempotency-key.ts";
import type { AttemptError, Held, Outcome } from "../../domain/outcome.ts";
import type { ClaimedRun, FinishedAttempt } from "../../postgres/runs.ts";
import { backoffMs } from "../../runtime/backoff.ts";

/** What becomes of a run after one attempt: it has succeeded, is tried again, or is dead. Pure. */
export function finishAttempt(attempt: {
  run: ClaimedRun;
  outcome: Exclude<Outcome, Held>;
  retry: RetryPolicy;
  context: { connector: string; endpoint: string; action: FlowDefinition["action"]["type"] };
  durationMs: number;
  random: () => number;
}): FinishedAttempt {
  const { run, outcome, retry, context, durationMs, random } = attempt;
  const finished: FinishedAttempt = {
    id: run.id,
    eventId: run.eventId,
    fence: run.fence,
    state: "succeeded",
    retryDelayMs: 0,
    durationMs: Math.round(durationMs),
    responseStatus: outcome.responseStatus,
    errorCode: undefined,
    errorMessage: undefined,
    errorContext: undefined,
    fingerprint: undefined,
  };
  if (outcome.kind === "done") return finished;
  const { error } = outcome;
  const failed = { ...finished, errorCode: error.code, errorMessage: error.message };
  if (outcome.kind === "retry" && run.attempts + 1 < retry.max_attempts) {
    const delayMs = outcome.delayMs ?? waitMs(retry, run.attempts + 1, random);
    return { ...failed, state: "failed", retryDelayMs: Math.round(delayMs) };
  }
  return {
    ...failed,
    state: "dead",
    errorContext: {
      stage: "execute",
      step: error.step ?? context.action,
      connector: context.connector,
      endpoint: context.endpoint,
      flow_version: run.flowVersion,
      code: error.code,
      ...(outcome.target !== undefined && { target: outcome.target }),
      response_status: outcome.responseStatus ?? null,
      stack: error.stack ?? null,
    },
    fingerprint: fingerprintOf(run, error),
  };
}

function waitMs(retry: RetryPolicy, failures: number, random: () => number): number {
  const backoff = { kind: retry.backoff, delayMs: retry.delay_ms, maxDelayMs: retry.max_delay_ms };
  return backoffMs(backoff, failures, random);
}

/** Failures with one cause share it: the same stage, flow and error, whatever the numbers and ids in the message. */
function fingerprintOf(run: ClaimedRun, error: AttemptError): string {
  const cause = error.message.replaceAll(/[0-9a-f]{8,}|\d+/gi, "#");
  return digestOf("execute", run.tenantId, run.flowId, error.code, cause).slice(0, 32);
}
