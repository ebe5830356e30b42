/**
 * The belief about a burst: a hidden multiplier of the habitual rate that stays for a while and is then drawn again.
 * `belief` holds the probability of each of `MULTIPLIERS`.
 */
export type Belief = number[];

/** Possible multipliers of the habitual rate. */
export const MULTIPLIERS = [0.3, 1, 3, 10, 30, 100];
/** Probability of each multiplier when drawn: calm is usual. */
const DRAWN = [0.1, 0.82, 0.04, 0.02, 0.02, 0.01].map((share, _, all) => share / all.reduce((a, b) => a + b));
/** Mean of a drawn multiplier. */
export const USUAL = mean(DRAWN);
/** Mean time for which a multiplier stays. */
export const BURST_S = 1_500;
/** Changes are clustered, so each of many says less than if they were independent. */
const CLUMPING = 0.05;

/** Returns the belief before any observation. */
export function noBelief(): Belief {
  return [...DRAWN];
}

/** Returns the expected multiplier. */
export function mean(belief: Belief): number {
  return belief.reduce((sum, share, index) => sum + share * (MULTIPLIERS[index] as number), 0);
}

/**
 * Updates the belief with a gap of `gapS` that had `changes` where habit expected `calm` (Bayes). Returns the
 * estimated multiplier of the gap. A burst that began within the gap filled only a part of it.
 */
export function learnBurst(belief: Belief, gap: { gapS: number; changes: number; calm: number }): number {
  const { gapS, changes, calm } = gap;
  const stays = Math.exp(-gapS / BURST_S);
  // In a long gap the last draw fills a small part; the rest was usual.
  const covered = ((1 - stays) * BURST_S) / gapS;
  const before = covered * Math.min(3, mean(belief)) + (1 - covered) * USUAL;
  const likelihood = poissonOf(changes, calm);
  let all = 0;
  let weighted = 0;
  for (let index = 0; index < belief.length; index += 1) {
    const now = MULTIPLIERS[index] as number;
    const early = before + 0.75 * covered * (now - before);
    const late = before + 0.25 * covered * (now - before);
    const drawn = ((1 - stays) * (DRAWN[index] as number)) / 2;
    const ofStaying = stays * (belief[index] as number) * likelihood(now);
    const ofEarly = drawn * likelihood(early);
    const ofLate = drawn * likelihood(late);
    belief[index] = ofStaying + ofEarly + ofLate;
    all += belief[index] as number;
    weighted += ofStaying * now + ofEarly * early + ofLate * late;
  }
  for (let index = 0; index < belief.length; index += 1) belief[index]! /= all;
  return weighted / all;
}

/** Returns the likelihood of a count under a multiplier, up to a factor. Never 0. */
function poissonOf(changes: number, calm: number): (multiplier: number) => number {
  const tempered = 1 / (1 + CLUMPING * (changes + 1));
  // Relative to the best-fitting multiplier, so that nothing underflows.
  const best = changes > 0 ? changes * Math.log(changes) - changes : 0;
  return (multiplier) => {
    const expected = calm * multiplier + 1e-12;
    return Math.exp(Math.max(-300, (changes * Math.log(expected) - expected - best) * tempered));
  };
}
