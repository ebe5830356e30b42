import type { NormalizedEvent } from "../../domain/event.ts";
import type { FlowAction } from "../../domain/flow.ts";
import type { RunAction } from "../../domain/flow-run.ts";
import type { Queryable } from "../../postgres/database.ts";
import { type StoredEvent } from "../../postgres/events.ts";
import { type ClaimedRun, type FinishedAttempt } from "../../postgres/runs.ts";
import type { FlowVersions } from "./flow-versions.ts";
import type { HeldRuns } from "./held-runs.ts";
export interface ExecutorLimits {
    /** How long a claimed run stays this process's without a heartbeat, ms. */
    leaseMs: number;
    /** Runs claimed, and attempts finished, in one statement. */
    batchSize: number;
    /** Statements of each kind under way at once. */
    inFlight: number;
}
export interface ExecutorDeps {
    database: Queryable;
    flows: FlowVersions;
    held: HeldRuns;
    normalize: (event: StoredEvent) => {
        kind: "normalized";
        event: NormalizedEvent;
    } | {
        kind: "unreadable";
        reason: string;
    };
    actions: Readonly<Record<FlowAction["type"], RunAction>>;
    limits: ExecutorLimits;
    random: () => number;
    monotonicMs: () => number;
    onFinished: (attempt: FinishedAttempt, run: ClaimedRun) => void;
}
/**
 * Executes the runs of one job and resolves when every one that this process got is finished in PostgreSQL. Runs
 * that another has, or that ended, are passed over. Claims and finishes of concurrent jobs share their statements.
 */
export declare function createExecutor(deps: ExecutorDeps): (runIds: string[]) => Promise<void>;
