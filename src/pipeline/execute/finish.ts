import { fingerprintOf } from "../../domain/event/fingerprint.ts";
import { storableText } from "../../domain/event/storable-text.ts";
import type { FlowDefinition, RetryPolicy } from "../../domain/flow/flow.ts";
import type { Held, Outcome } from "../../domain/flow/outcome.ts";
import type { ClaimedRun, FinishedAttempt } from "../../postgres/runs/runs.ts";
import { backoffMs } from "../../runtime/backoff.ts";

/** Returns the end of an attempt: the run has succeeded, is retried, or is a dead letter. Pure. */
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
    replaySeq: run.replaySeq,
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
  const { code, stack, step } = outcome.error;
  const message = storableText(outcome.error.message);
  const failed = { ...finished, errorCode: code, errorMessage: message };
  if (outcome.kind === "retry" && run.attempts + 1 < retry.max_attempts) {
    const backoffMs = outcome.replacesBackoff ? 0 : waitMs(retry, run.attempts + 1, random);
    const delayMs = Math.max(backoffMs, outcome.delayMs ?? 0);
    return { ...failed, state: "failed", retryDelayMs: Math.round(delayMs) };
  }
  return {
    ...failed,
    state: "dead",
    errorContext: {
      stage: "execute",
      step: step === undefined ? context.action : storableText(step),
      connector: context.connector,
      endpoint: context.endpoint,
      flow_version: run.flowVersion,
      code,
      ...(outcome.target !== undefined && { target: outcome.target }),
      response_status: outcome.responseStatus ?? null,
      stack: stack === undefined ? null : storableText(stack),
    },
    fingerprint: fingerprintOf({
      ...run,
      stage: "execute",
      code,
      responseStatus: outcome.responseStatus,
      message,
    }),
  };
}

function waitMs(retry: RetryPolicy, failures: number, random: () => number): number {
  const backoff = { kind: retry.backoff, delayMs: retry.delay_ms, maxDelayMs: retry.max_delay_ms };
  return backoffMs(backoff, failures, random);
}
