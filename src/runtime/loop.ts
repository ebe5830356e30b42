import { type Backoff, backoffMs } from "./backoff.ts";

/** What a step says about the next one: how long to wait for it unless something wakes the loop, ms. */
export type Step = (signal: AbortSignal) => Promise<{ waitMs: number }>;

export interface LoopOptions {
  name: string;
  step: Step;
  /** The wait after a failed step. */
  backoff: Backoff;
  onError: (error: unknown, failures: number) => void;
  random?: () => number;
  now?: () => number;
}

/** How a loop is doing, for readiness and metrics. */
export interface LoopProgress {
  name: string;
  /** When its last step ended well, ms since the epoch; 0 before the first. */
  lastSuccessMs: number;
  /** Failed steps since the last good one. */
  failures: number;
  lastError: string | undefined;
}

/**
 * A step that is repeated until it is stopped: the one contract of every loop. Starting twice, stopping twice or
 * stopping before starting is fine. `stop` lets the step in hand end; its signal tells it to hurry.
 */
export interface Loop {
  start(): void;
  stop(): Promise<void>;
  /** The next step begins at once; a wake-up during a step is kept. Nothing happens during back-off. */
  wake(): void;
  progress(): LoopProgress;
}

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
      // A wake-up shortens a wait for work, not a wait for a fault to pass.
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
      state.lastError = error instanceof Error ? error.message : String(error);
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
