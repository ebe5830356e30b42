/** A period with a constant expected rate. */
export interface Step {
  durationS: number;
  /** Changes per second. */
  rate: number;
}

/** Each refinement reduces the remaining error to two fifths or less. */
const REFINEMENTS = 6;

/**
 * Finds the first moment at which the expected waiting of all changes so far, the integral of (moment - u) x rate(u),
 * is worth the poll. At a constant rate that is sqrt(2 x target / rate). `stepAt` gets the seconds from now at which
 * a step begins; `targetAt` gets the seconds from now at which the poll would come, and may only fall.
 */
export function timeToIndex(
  stepAt: (elapsedS: number) => Step,
  targetAt: (elapsedS: number) => number,
  maxS: number,
): number {
  if (targetAt(0) <= 0) return 0;
  let waited = 0;
  let pending = 0;
  let elapsedS = 0;
  while (elapsedS < maxS) {
    const { durationS, rate } = stepAt(elapsedS);
    const spanS = Math.min(durationS, maxS - elapsedS);
    const after = waited + pending * spanS + (rate * spanS * spanS) / 2;
    if (after >= targetAt(elapsedS + spanS)) {
      let withinS = spanS;
      for (let refined = 0; refined < REFINEMENTS; refined += 1) {
        const missing = Math.max(0, targetAt(elapsedS + withinS) - waited);
        const root = pending + Math.sqrt(pending * pending + 2 * rate * missing);
        withinS = root === 0 ? 0 : Math.min(spanS, (2 * missing) / root);
      }
      return elapsedS + withinS;
    }
    waited = after;
    pending += rate * spanS;
    elapsedS += spanS;
  }
  return maxS;
}
