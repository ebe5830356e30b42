/**
 * By how much the rate now differs from the habit: a hidden multiplier that stays for a while and then is drawn anew.
 * `belief` holds the probability of each of `MULTIPLIERS`.
 */
export type Belief = number[];

export const MULTIPLIERS = [0.3, 1, 3, 10, 30, 100];
/** How often each is drawn: calm is the rule. */
const DRAWN = [0.1, 0.82, 0.04, 0.02, 0.02, 0.01].map((share, _, all) => share / all.reduce((a, b) => a + b));
/** The mean of what is drawn. */
export const USUAL = mean(DRAWN);
/** How long a multiplier stays, on average. */
export const BURST_S = 1_500;
/** Changes come in clumps: of many, each says less than it would if they were independent. */
const CLUMPING = 0.05;

export function noBelief(): Belief {
  return [...DRAWN];
}

/** The multiplier to expect. */
export function mean(belief: Belief): number {
  return belief.reduce((sum, share, index) => sum + share * (MULTIPLIERS[index] as number), 0);
}

/**
 * Takes in a gap of `gapS` with `changes` where habit had `calm` (Bayes); answers the multiplier that the gap had. A
 * burst that began within the gap filled only a part of it.
 */
export function learnBurst(belief: Belief, gap: { gapS: number; changes: number; calm: number }): number {
  const { gapS, changes, calm } = gap;
  const stays = Math.exp(-gapS / BURST_S);
  // Of a long gap, what is drawn last fills a small part, and the rest was as usual.
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

/** The likelihood of a count under each multiplier, up to a factor, and never 0. */
function poissonOf(changes: number, calm: number): (multiplier: number) => number {
  const tempered = 1 / (1 + CLUMPING * (changes + 1));
  // Relative to the multiplier that would explain the count best, so that nothing vanishes.
  const best = changes > 0 ? changes * Math.log(changes) - changes : 0;
  return (multiplier) => {
    const expected = calm * multiplier + 1e-12;
    return Math.exp(Math.max(-300, (changes * Math.log(expected) - expected - best) * tempered));
  };
}
