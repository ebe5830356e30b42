import type { RunAttempt } from "../../domain/flow-run.ts";
import { digestOf } from "../../domain/idempotency-key.ts";
import type { Queryable } from "../../postgres/database.ts";
import { keepRunStep, loadRunSteps } from "../../postgres/run-steps.ts";
import { failpoint } from "../../runtime/failpoint.ts";

/** What a step is given. */
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

export interface StepLimits {
  /** Steps of one run. */
  maxSteps: number;
  /** The result of one step, and of all steps of a run, as JSON, bytes. */
  maxResultBytes: number;
  maxRunBytes: number;
}

const MAX_NAME_LENGTH = 200;

/** The steps of one attempt. Those that are finished are read when the first one is asked for. */
export function createRunSteps(
  database: Queryable,
  limits: StepLimits,
): (run: RunAttempt, deadline: { readonly signal: AbortSignal }) => RunStep {
  return ({ runId, fence, idempotencyKey: runKey }, deadline) => {
    let finished: Promise<Map<string, string | null>> | undefined;
    const names = new Set<string>();
    let keptBytes = 0;

    const step: RunStep = async (name, work) => {
      finished ??= loadRunSteps(database, runId).then((steps) => {
        keptBytes = [...steps.values()].reduce((sum, text) => sum + bytesOf(text), 0);
        return steps;
      });
      const kept = (await finished).get(name);
      if (kept !== undefined) return read(kept);
      if (names.size > limits.maxSteps) throw new Error(`A run has at most ${limits.maxSteps} steps`);
      const { signal } = deadline;
      signal.throwIfAborted();
      const idempotencyKey = digestOf("step", runKey, name);
      const text = write(name, await work({ idempotencyKey, signal }), limits);
      keptBytes += bytesOf(text);
      if (keptBytes > limits.maxRunBytes) {
        throw new Error(`The results of the steps of a run are at most ${limits.maxRunBytes} bytes of JSON`);
      }
      failpoint("execute.step");
      if (!(await keepRunStep(database, { runId, fence, name, result: text ?? undefined }))) {
        throw new Error(`The step ${name} ended after its run was cancelled, or was taken by another worker`);
      }
      return read(text);
    };
    return async (name, work) => {
      checkName(name, names);
      names.add(name);
      try {
        return await step(name, work);
      } catch (error) {
        if (typeof error === "object" && error !== null) stepsOfErrors.set(error, name);
        throw error;
      }
    };
  };
}

/** Kept beside the errors, which are the flow's own and may be frozen. */
const stepsOfErrors = new WeakMap<object, string>();

/** The step that an error ended, if a step did. */
export function failedStep(error: object): string | undefined {
  return stepsOfErrors.get(error);
}

function checkName(name: unknown, names: ReadonlySet<string>): asserts name is string {
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_LENGTH || name.includes("\0")) {
    throw new TypeError(`A step's name is a text of 1 to ${MAX_NAME_LENGTH} characters without NUL`);
  }
  if (names.has(name)) throw new Error(`Two steps of this run are called ${name}: give each its own name`);
}

function write(name: string, result: unknown, { maxResultBytes }: StepLimits): string | null {
  const text = JSON.stringify(result) as string | undefined;
  if (text === undefined) return null;
  if (bytesOf(text) <= maxResultBytes) return text;
  throw new Error(
    `The step ${name} gave ${bytesOf(text)} bytes of JSON, and at most ${maxResultBytes} are kept`,
  );
}

function read<Result>(text: string | null): Result {
  return (text === null ? undefined : JSON.parse(text)) as Result;
}

function bytesOf(text: string | null): number {
  return text === null ? 0 : Buffer.byteLength(text);
}
