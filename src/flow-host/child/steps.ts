import { digestOf } from "../../domain/event/idempotency-key.ts";
import type { RunStep } from "../../sdk/index.ts";
import type { ChildBounds } from "../protocol.ts";
import { describeThrown } from "./describe.ts";

/** The store of step results of a run. */
export interface StepStore {
  load(): Promise<ReadonlyMap<string, string | null>>;
  /** Stores a result, or rejects with the reason. */
  keep(name: string, result: string | null): Promise<void>;
}

const MAX_NAME_LENGTH = 200;

/** The steps of one attempt that are under way, for its end. */
export class StepsUnderWay {
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;
  /** The first error of a step whose result cannot be kept: another attempt would do its work again, for nothing. */
  unkept: Error | undefined;

  get isEmpty(): boolean {
    return this.#running.size === 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Lets no further step begin. */
  close(): void {
    this.#isClosed = true;
  }

  add(step: Promise<unknown>): void {
    this.#running.add(step);
    const remove = () => this.#running.delete(step);
    step.then(remove, remove);
  }

  /** Resolves when no step is under way, after the code that waited for them has gone on. */
  async ended(): Promise<void> {
    while (!this.isEmpty) {
      await Promise.allSettled(this.#running);
      await new Promise(setImmediate);
    }
  }
}

/** Creates the `step` function of one attempt. It loads the finished steps at the first call. */
export function createRunSteps(
  run: { idempotencyKey: string },
  deadline: { readonly signal: AbortSignal },
  store: StepStore,
  bounds: ChildBounds["steps"],
  underWay = new StepsUnderWay(),
): RunStep {
  let finished: Promise<ReadonlyMap<string, string | null>> | undefined;
  const names = new Set<string>();
  let keptBytes = 0;

  function unkept(error: Error): Error {
    underWay.unkept ??= error;
    return error;
  }

  const step: RunStep = async (name, work) => {
    finished ??= store.load().then((steps) => {
      keptBytes = [...steps.values()].reduce((sum, text) => sum + bytesOf(text), 0);
      return steps;
    });
    const kept = (await finished).get(name);
    if (kept !== undefined) return read(kept);
    if (names.size > bounds.maxSteps) {
      throw unkept(new Error(`A run has at most ${bounds.maxSteps} steps: ${name} is one too many`));
    }
    const { signal } = deadline;
    signal.throwIfAborted();
    const idempotencyKey = digestOf("step", run.idempotencyKey, name);
    const result = await work({ idempotencyKey, signal });
    let text: string | null;
    try {
      text = write(name, result, bounds);
    } catch (error) {
      throw unkept(error as Error);
    }
    keptBytes += bytesOf(text);
    if (keptBytes > bounds.maxRunBytes) {
      const kept = `the results of the steps of a run are at most ${bounds.maxRunBytes} bytes of JSON`;
      throw unkept(new Error(`The result of the step ${name} cannot be kept: ${kept}`));
    }
    await store.keep(name, text);
    return read(text);
  };
  async function named<Result>(name: string, work: Parameters<typeof step<Result>>[1]): Promise<Result> {
    try {
      return await step(name, work);
    } catch (error) {
      if (typeof error === "object" && error !== null) stepsOfErrors.set(error, name);
      throw error;
    }
  }

  return async (name, work) => {
    checkName(name, names);
    if (underWay.isClosed) throw new Error(`The step ${name} did not begin, because its attempt is ending`);
    names.add(name);
    const result = named(name, work);
    underWay.add(result);
    return await result;
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
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch (error) {
    const [reason = ""] = describeThrown(error).message.split("\n", 1);
    throw new Error(`The result of the step ${name} cannot be kept, since it is no JSON: ${reason}`);
  }
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
