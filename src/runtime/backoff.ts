/** The growth of the wait between tries. */
export interface Backoff {
  kind: "exponential" | "fixed";
  /** The wait after the first failure, ms. */
  delayMs: number;
  /** The longest wait, ms. */
  maxDelayMs: number;
}

/**
 * Returns the wait after failure number `failures` (from 1), ms. Exponential waits are drawn evenly from 0 to a ceiling
 * that doubles with each failure ("full jitter"), so that callers that failed together do not retry together.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(backoff: Backoff, failures: number, random: () => number): number {
  if (backoff.kind === "fixed") return Math.min(backoff.delayMs, backoff.maxDelayMs);
  const ceilingMs = Math.min(backoff.maxDelayMs, backoff.delayMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(random() * ceilingMs);
}
