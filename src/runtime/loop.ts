import { type Backoff, backoffMs } from "./backoff.ts";
import { errorMessage } from "./error-message.ts";

/** One pass of a loop. Resolves with the wait before the next pass, ms, which a wake-up shortens. */
export type Step = (signal: AbortSignal) => Promise<{ waitMs: number }>;

export interface LoopOptions {
  name: string;
  step: Step;
  /** Applies after a failed step. */
  backoff: Backoff;
  onError: (error: unknown, failures: number) => void;
  random?: () => number;
  now?: () => number;
}

/** The state of a loop, for readiness and metrics. */
export interface LoopProgress {
  name: string;
  /** When a step last succeeded, ms since the epoch; 0 before the first success. */
  lastSuccessMs: number;
  /** Failed steps since the last success. */
  failures: number;
  lastError: string | undefined;
}

/**
 * Repeats a step until it is stopped. Starting twice, stopping twice and stopping before starting are allowed. `stop`
 * aborts the signal of the current step and waits for the step to end.
 */
export interface Loop {
  start(): void;
  stop(): Promise<void>;
  /** Starts the next step at once, or after the current one. Does not shorten a back-off. */
  wake(): void;
  progress(): LoopProgress;
}

/** Creates a loop that is not started yet. */
export function createLoop(options: LoopOptions): Loop {
  const { name, step, backoff, onError, random = Math.random, now = Date.now } = options;
  let abort: AbortController | undefined;
  let running: Promise<void> | undefined;
  let woken = false;
  let endWait: (() => void) | undefined;
  const state: LoopProgress = { name, lastSuccessMs: 0, failures: 0, lastError: undefined };

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      woken = false;
      const waitMs = await runStep(signal);
      if (signal.aborted || waitMs === 0) continue;
      // A wake-up announces work. It does not end a back-off.
      if (woken && state.failures === 0) continue;
      await wait(waitMs);
    }
  }

  async function runStep(signal: AbortSignal): Promise<number> {
    try {
      const { waitMs } = await step(signal);
      state.lastSuccessMs = now();
      state.failures = 0;
      state.lastError = undefined;
      return waitMs;
    } catch (error) {
      if (signal.aborted) return 0;
      state.failures += 1;
      state.lastError = errorMessage(error);
      onError(error, state.failures);
      return Math.max(1, backoffMs(backoff, state.failures, random));
    }
  }

  function wait(ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    }).then(() => {
      endWait = undefined;
    });
  }

  return {
    start() {
      if (running !== undefined) return;
      abort = new AbortController();
      running = run(abort.signal);
    },
    async stop() {
      abort?.abort();
      endWait?.();
      await running;
      running = undefined;
    },
    wake() {
      woken = true;
      if (state.failures === 0) endWait?.();
    },
    progress: () => ({ ...state }),
  };
}
