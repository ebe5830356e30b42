import type { Fleet } from "./poll-policy.ts";

/** What a request costs in waiting, for all pairs of a fleet alike: the delay that spending it elsewhere would save. */
interface Price {
  /** Tells the pairs' demands of this run from those of one before. */
  run: number;
  /** The sum over pairs of sqrt(rate x cost). */
  demand: number;
  pairs: number;
  /** Brings what is spent to the budget; a logarithm. */
  trim: number;
  trimmedAt: number;
}

/** What a pair last told of its demand, and in which run. */
export interface Demand {
  run: number;
  value: number;
}

/** Somewhat in debt: a bucket that is full at times leaves requests unsent. */
const FULL_BUCKET = -0.25;
/** Slow beside the hours of a day: a quicker price runs after them, and is late both ways. */
const TRIM_S = 8_000;
const MAX_TRIM = 3;

/**
 * Puts the pair's demand (sqrt(rate x cost)) in place of what it told before, and answers the price at which all
 * demands together spend the budget: `demand^2 / (2 x rate^2)`, trimmed by how full the bucket is.
 */
export function priceAfter(fleet: Fleet, told: Demand, demand: number, now: number): number {
  const price = priceOf(fleet);
  withdraw(price, told);
  price.demand += demand;
  price.pairs += 1;
  told.run = price.run;
  told.value = demand;
  trim(price, fleet, now);
  // After a start the pairs that have not spoken yet count like those that have.
  const all = typeof fleet.pairs === "number" ? fleet.pairs : fleet.pairs.length;
  const whole = price.demand * Math.max(1, all / price.pairs);
  return ((whole * whole) / (2 * fleet.budget.rate * fleet.budget.rate)) * Math.exp(price.trim);
}

/**
 * Puts what all pairs told together, to whichever process, in place of the sum that this fleet kept. `told`, of a pair
 * that is asked next, is then counted as a part of it.
 */
export function adoptDemand(fleet: Fleet, all: { demand: number; pairs: number }): void {
  const price = priceOf(fleet);
  price.demand = all.demand;
  price.pairs = all.pairs;
}

/** Counts what a pair told, here or elsewhere, as a part of the sum; a pair that never told anything is none. */
export function countAsTold(fleet: Fleet, told: Demand): void {
  if (told.run !== 0) told.run = priceOf(fleet).run;
}

/** Takes a pair that is polled no longer out of the sum. */
export function withdrawDemand(fleet: Fleet, told: Demand): void {
  withdraw(priceOf(fleet), told);
  told.run = 0;
}

function withdraw(price: Price, told: Demand): void {
  if (told.run !== price.run) return;
  price.demand = Math.max(0, price.demand - told.value);
  price.pairs -= 1;
}

function trim(price: Price, fleet: Fleet, now: number): void {
  if (now <= price.trimmedAt) return;
  const full = Math.max(-1, fleet.tokensAvailable() / fleet.budget.burst);
  const elapsedS = Math.min(60, now - price.trimmedAt);
  const step = (elapsedS / TRIM_S) * Math.min(1, FULL_BUCKET - full);
  // Where nobody means to spend the budget, a full bucket says nothing of the price.
  price.trim = Math.max(fleet.keepsToBases ? 0 : -MAX_TRIM, Math.min(MAX_TRIM, price.trim + step));
  price.trimmedAt = now;
}

function priceOf(fleet: Fleet): Price {
  const known = fleet.shared["price"] as Price | undefined;
  if (known !== undefined) return known;
  const price = { run: 1 + fleet.rng(), demand: 0, pairs: 0, trim: 0, trimmedAt: Number.NEGATIVE_INFINITY };
  fleet.shared["price"] = price;
  return price;
}
