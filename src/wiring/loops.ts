import type { Backoff } from "../runtime/backoff.ts";
import type { Logger } from "../runtime/logger.ts";
import { createLoop, type Loop, type LoopProgress, type Step } from "../runtime/loop.ts";
import type { Metrics } from "./metrics.ts";

/** The back-off of every loop. */
const BACKOFF: Backoff = { kind: "exponential", delayMs: 50, maxDelayMs: 2_000 };

/** The first of consecutive failures is logged, and then every 20th. */
const LOG_EVERY = 20;

/** The loops of one process, by name. */
export interface Loops {
  add(name: string, step: Step): Loop;
  /** Wakes the loop of this name; does nothing if this process has none. */
  wake(name: string): void;
  start(): void;
  /** Stops the named loops, or all. */
  stop(names?: readonly string[]): Promise<void>;
  progress(): LoopProgress[];
}

/** Creates an empty set of loops. */
export function createLoops({ metrics, log }: { metrics: Metrics; log: Logger }): Loops {
  const loops = new Map<string, Loop>();
  return {
    add(name, step) {
      const loop = createLoop({
        name,
        step,
        backoff: BACKOFF,
        onError(error, failures) {
          metrics.loopFailures.inc({ loop: name });
          if (failures % LOG_EVERY === 1)
            log.warn({ err: error, loop: name, failures }, "a step failed and will be retried");
        },
      });
      loops.set(name, loop);
      return loop;
    },
    wake: (name) => loops.get(name)?.wake(),
    start() {
      for (const loop of loops.values()) loop.start();
    },
    async stop(names = [...loops.keys()]) {
      await Promise.all(names.map((name) => loops.get(name)?.stop()));
    },
    progress: () => [...loops.values()].map((loop) => loop.progress()),
  };
}
