import { type Backoff } from "./backoff.ts";
/** What a step says about the next one: how long to wait for it unless something wakes the loop, ms. */
export type Step = (signal: AbortSignal) => Promise<{
    waitMs: number;
}>;
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
export declare function createLoop(options: LoopOptions): Loop;
