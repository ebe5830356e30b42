import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { RunStep } from "../../sdk/index.ts";
import type { ChildBounds } from "../protocol.ts";

/** The store of step results of a run. */
export interface StepStore {
  load(): Promise<ReadonlyMap<string, string | null>>;
  /** Stores a result, or rejects with the reason. */
  keep(name: string, result: string | null): Promise<void>;
}

const MAX_NAME_LENGTH = 200;

/** Creates the `step` function of one attempt. It loads the finished steps at the first call. */
export function createRunSteps(
  run: { idempotencyKey: string },
  deadline: { readonly signal: AbortSignal },
  store: StepStore,
  bounds: ChildBounds["steps"],
): RunStep {
  let finished: Promise<ReadonlyMap<string, string | null>> | undefined;
  const names = new Set<string>();
  let keptBytes = 0;

  const step: RunStep = async (name, work) => {
    finished ??= store.load().then((steps) => {
      keptBytes = [...steps.values()].reduce((sum, text) => sum + bytesOf(text), 0);
      return steps;
    });
    const kept = (await finished).get(name);
    if (kept !== undefined) return read(kept);
    if (names.size > bounds.maxSteps) throw new Error(`A run has at most ${bounds.maxSteps} steps`);
    const { signal } = deadline;
    signal.throwIfAborted();
    const idempotencyKey = digestOf("step", run.idempotencyKey, name);
    const text = write(name, await work({ idempotencyKey, signal }), bounds);
    keptBytes += bytesOf(text);
    if (keptBytes > bounds.maxRunBytes) {
      throw new Error(`The results of the steps of a run are at most ${bounds.maxRunBytes} bytes of JSON`);
    }
    await store.keep(name, text);
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
}

/** The names of the steps by their errors, which may be frozen. */
const stepsOfErrors = new WeakMap<object, string>();

/** Returns the step that threw an error, if any. */
export function failedStep(error: unknown): string | undefined {
  return typeof error === "object" && error !== null ? stepsOfErrors.get(error) : undefined;
}

function checkName(name: unknown, names: ReadonlySet<string>): asserts name is string {
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_LENGTH || name.includes("\0")) {
    throw new TypeError(`A step's name is a text of 1 to ${MAX_NAME_LENGTH} characters without NUL`);
  }
  if (names.has(name)) throw new Error(`Two steps of this run are called ${name}: give each its own name`);
}

function write(name: string, result: unknown, { maxResultBytes }: ChildBounds["steps"]): string | null {
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
