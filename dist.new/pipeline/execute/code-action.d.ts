import type { RunAction, RunAttempt } from "../../domain/flow-run.ts";
/** A handler of a code flow, as `defineFlow` gives it. */
export type Handler = (context: HandlerContext) => unknown;
/** What a handler is given. */
export interface HandlerContext {
    event: RunAttempt["event"];
    /** Counts from 1. */
    attempt: number;
    /** The same on every attempt of this run: hand it to whatever you call. */
    idempotencyKey: string;
    /** Aborted at the deadline, and when the run is no longer this process's. */
    signal: AbortSignal;
    log: HandlerLog;
}
export interface HandlerLog {
    info(message: string, fields?: Record<string, unknown>): void;
    warn(message: string, fields?: Record<string, unknown>): void;
    error(message: string, fields?: Record<string, unknown>): void;
}
/** Runs handlers in this process: they are the operator's own code, never a tenant's. */
export declare function createCodeAction(deps: {
    handlers: ReadonlyMap<string, Handler>;
    timeoutMs: number;
    logFor: (run: RunAttempt) => HandlerLog;
}): RunAction;
