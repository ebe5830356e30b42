import type { Logger } from "../runtime/logger.ts";
import { type Loop, type LoopProgress, type Step } from "../runtime/loop.ts";
import type { Metrics } from "./metrics.ts";
/** The loops of one process, by name. */
export interface Loops {
    add(name: string, step: Step): Loop;
    start(): void;
    /** Stops the loops named, or all of them. */
    stop(names?: readonly string[]): Promise<void>;
    progress(): LoopProgress[];
}
export declare function createLoops({ metrics, log }: {
    metrics: Metrics;
    log: Logger;
}): Loops;
