import type { Fleet } from "./poll-policy.ts";

/** The price of a request in waiting, one for all pairs of a fleet: the delay that it would save elsewhere. */
interface Price {
  /** Distinguishes demands of this run from those of an earlier one. */
  run: number;
  /** Sum of sqrt(rate x cost) over the pairs. */
  demand: number;
  pairs: number;
  /** Logarithm of the correction that keeps spending at the budget. */
  trim: number;
  trimmedAt: number;
}

/** The demand that a pair contributed last, and the run it belongs to. */
export interface Demand {
  run: number;
  value: number;
}

/** A token bucket slightly in debt is the target: a full one leaves requests unsent. */
const FULL_BUCKET = -0.25;
/** Slow compared to the hours of a day: a faster price would lag behind them in both directions. */
const TRIM_S = 8_000;
const MAX_TRIM = 3;

/**
 * Replaces the pair's demand (sqrt(rate x cost)) and returns the price at which all demands together spend the
 * budget: `demand^2 / (2 x rate^2)`, corrected by the fill of the token bucket.
 */
export function priceAfter(fleet: Fleet, own: Demand, demand: number, now: number): number {
  const price = priceOf(fleet);
  withdraw(price, own);
  price.demand += demand;
  price.pairs += 1;
  own.run = price.run;
  own.value = demand;
  trim(price, fleet, now);
  // After a start, pairs without a demand yet count like those with one.
  const all = typeof fleet.pairs === "number" ? fleet.pairs : fleet.pairs.length;
  const whole = price.demand * Math.max(1, all / price.pairs);
  return ((whole * whole) / (2 * fleet.budget.rate * fleet.budget.rate)) * Math.exp(price.trim);
}

/** Replaces the fleet's demand with the sum over all processes. Pairs polled next must pass `adoptOwnDemand` first. */
export function adoptDemand(fleet: Fleet, all: { demand: number; pairs: number }): void {
  const price = priceOf(fleet);
  price.demand = all.demand;
  price.pairs = all.pairs;
}

/** Marks a pair's demand as part of the sum, whichever process added it. Does nothing for a pair without a demand. */
export function adoptOwnDemand(fleet: Fleet, own: Demand): void {
  if (own.run !== 0) own.run = priceOf(fleet).run;
}

/** Removes a pair that is no longer polled from the sum. */
export function withdrawDemand(fleet: Fleet, own: Demand): void {
  withdraw(priceOf(fleet), own);
  own.run = 0;
}

function withdraw(price: Price, own: Demand): void {
  if (own.run !== price.run) return;
  price.demand = Math.max(0, price.demand - own.value);
  price.pairs -= 1;
}

function trim(price: Price, fleet: Fleet, now: number): void {
  if (now <= price.trimmedAt) return;
  const full = Math.max(-1, fleet.tokensAvailable() / fleet.budget.burst);
  const elapsedS = Math.min(60, now - price.trimmedAt);
  const step = (elapsedS / TRIM_S) * Math.min(1, FULL_BUCKET - full);
  // If the budget is not meant to be spent, a full bucket must not lower the price.
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
