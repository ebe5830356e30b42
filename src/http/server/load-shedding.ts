import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** Watches the event loop. */
export interface EventLoopWatch {
  /** True while the loop is so late that new requests would only wait. */
  readonly isLate: boolean;
  /** Ends the watch. */
  stop(): void;
}

/** Interval of the samples, and of the judgement, ms. */
const RESOLUTION_MS = 20;
const INTERVAL_MS = 2_000;
/** Minimum number of samples: a process that was paused, or waited for a CPU, is not overloaded. */
const MIN_SAMPLES = 3;

/** Starts a watch that evaluates the median delay of every two seconds, so that a single pause does not count. */
export function watchEventLoop(maxDelayMs: number): EventLoopWatch {
  const delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let isLate = false;
  delays.enable();
  const timer = setInterval(() => {
    isLate = delays.count >= MIN_SAMPLES && delays.percentile(50) / 1e6 - RESOLUTION_MS > maxDelayMs;
    delays.reset();
  }, INTERVAL_MS).unref();
  return {
    get isLate() {
      return isLate;
    },
    stop() {
      clearInterval(timer);
      delays.disable();
    },
  };
}
