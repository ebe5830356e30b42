import type { NormalizedEvent } from "../domain/event/event.ts";
import type { HandlerLog } from "../pipeline/execute/actions/code-log.ts";

/** The argument of a step. */
export interface StepContext {
  /** The same whenever this step of this run is tried, another for every other step: hand it to what the step calls. */
  idempotencyKey: string;
  signal: AbortSignal;
}

/**
 * Does one part of a run's work and keeps its result: a later attempt, also one after a crash, is given the result
 * and does not do the work again. A step that a crash interrupts is done again. What it gives must be JSON, or
 * undefined; it comes back as JSON would bring it, the first time too. Names are unique within a run.
 */
export type RunStep = <Result>(
  name: string,
  work: (step: StepContext) => Result | Promise<Result>,
) => Promise<Result>;

/** The argument of a handler. */
export interface HandlerContext {
  event: NormalizedEvent;
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

/** A handler of a code flow, as `defineFlow` takes it. */
export type Handler = (context: HandlerContext) => unknown;
