/** A stretch of time in which the expected rate is constant. */
export interface Step {
  durationS: number;
  /** Changes a second. */
  rate: number;
}

/**
 * The index rule: the first moment at which the expected waiting of all changes so far, the integral of
 * (moment - u) x rate(u), is worth the poll, `target`. At a constant rate that is sqrt(2 x target / rate). The steps
 * are asked for one at a time, by the seconds from now at which they begin.
 */
export function timeToIndex(stepAt: (elapsedS: number) => Step, target: number, maxS: number): number {
  if (target <= 0) return 0;
  let waited = 0;
  let pending = 0;
  let elapsedS = 0;
  while (elapsedS < maxS) {
    const { durationS, rate } = stepAt(elapsedS);
    const spanS = Math.min(durationS, maxS - elapsedS);
    const after = waited + pending * spanS + (rate * spanS * spanS) / 2;
    if (after >= target) {
      const missing = target - waited;
      return elapsedS + (2 * missing) / (pending + Math.sqrt(pending * pending + 2 * rate * missing));
    }
    waited = after;
    pending += rate * spanS;
    elapsedS += spanS;
  }
  return maxS;
}
