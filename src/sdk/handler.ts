import type { HandledEvent } from "../domain/flow/handler-call.ts";
import type { HandlerLog } from "../pipeline/execute/actions/code-log.ts";

/** The argument of a step. */
export interface StepContext {
  /** The same at every try of this step in this run, and unique to it. Pass it to the services that the step calls. */
  idempotencyKey: string;
  signal: AbortSignal;
}

/**
 * Does one part of the work of a run and stores its result. Later attempts, also after a crash, get the result without
 * repeating the work. A step that was interrupted is repeated. The result must be JSON or undefined; it is always returned
 * as parsed from JSON. Names are unique within a run.
 */
export type RunStep = <Result>(
  name: string,
  work: (step: StepContext) => Result | Promise<Result>,
) => Promise<Result>;

/** The argument of a handler. */
export interface HandlerContext {
  event: HandledEvent;
  /** Counts from 1. */
  attempt: number;
  /** The same at every attempt of this run. Pass it to the services that the handler calls. */
  idempotencyKey: string;
  /** Aborted at the deadline, when the run is cancelled, and when another process takes over the run. */
  signal: AbortSignal;
  /** The log of the run, which the API shows. Fields that may hold a secret are redacted. */
  log: HandlerLog;
  step: RunStep;
}

/** The handler of a code flow. */
export type Handler = (context: HandlerContext) => unknown;
