/**
 * The wait before the try that follows failure number `failures` (from 1), ms. Exponential waits are drawn
 * evenly from 0 to the doubled bound ("full jitter"), so that what failed together does not return together.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(backoff, failures, random) {
    if (backoff.kind === "fixed")
        return Math.min(backoff.delayMs, backoff.maxDelayMs);
    const ceilingMs = Math.min(backoff.maxDelayMs, backoff.delayMs * 2 ** Math.min(failures - 1, 30));
    return Math.round(random() * ceilingMs);
}
//# sourceMappingURL=backoff.js.map