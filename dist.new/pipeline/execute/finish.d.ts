import type { FlowDefinition, RetryPolicy } from "../../domain/flow.ts";
import type { Outcome } from "../../domain/outcome.ts";
import type { ClaimedRun, FinishedAttempt } from "../../postgres/runs.ts";
/** What becomes of a run after one attempt: it has succeeded, is tried again, or is dead. Pure. */
export declare function finishAttempt(attempt: {
    run: ClaimedRun;
    outcome: Outcome;
    retry: RetryPolicy;
    context: {
        connector: string;
        endpoint: string;
        action: FlowDefinition["action"]["type"];
    };
    durationMs: number;
    random: () => number;
}): FinishedAttempt;
