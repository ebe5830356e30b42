import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** Says whether the event loop is so late that what comes in would only wait; `stop` ends the watch. */
export interface EventLoopWatch {
  readonly isLate: boolean;
  stop(): void;
}

/** How often the event loop's delay is sampled, and judged, ms. */
const RESOLUTION_MS = 20;
const INTERVAL_MS = 2_000;
/** Fewer samples say nothing: a process that was paused, or waited for a processor, is not overloaded. */
const MIN_SAMPLES = 3;

/** Judges every two seconds by the median delay since: one long pause does not count. */
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
