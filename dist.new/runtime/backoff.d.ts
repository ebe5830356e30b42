/** How the wait before another try grows. */
export interface Backoff {
    kind: "exponential" | "fixed";
    /** The wait after the first failure, ms. */
    delayMs: number;
    /** No wait is longer, ms. */
    maxDelayMs: number;
}
/**
 * The wait before the try that follows failure number `failures` (from 1), ms. Exponential waits are drawn
 * evenly from 0 to the doubled bound ("full jitter"), so that what failed together does not return together.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export declare function backoffMs(backoff: Backoff, failures: number, random: () => number): number;
