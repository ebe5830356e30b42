import { admitUnderLimit, limitPrice, observeLimit } from "../src/synthetic/policy/limiter.ts";
import type { PollPolicy } from "../src/synthetic/policy/poll-policy.ts";
import type { Population, Truth } from "./polling-population.ts";

/** Every pair at one interval, which spends exactly the budget. */
export function fixed(population: Population, requestsPerSecond: number): PollPolicy<object> {
  const sweepS = population.truths.reduce((sum, { pair }) => sum + pair.cost, 0) / requestsPerSecond;
  return {
    name: "fixed, budget-matched",
    init: () => ({}),
    phase: (_, fleet) => fleet.rng() * sweepS,
    next: (_, { retryAfter }) => retryAfter ?? sweepS,
  };
}

/** The usual policy of products: half the interval after a change, else 1.5 times it, up to `ceiling`. */
export function halving(name: string, ceiling: (baseInterval: number) => number): PollPolicy<Halving> {
  return {
    name,
    init: ({ baseInterval, minInterval }) => ({
      intervalS: baseInterval,
      minS: minInterval,
      maxS: ceiling(baseInterval),
    }),
    next(state, { kind, changed, retryAfter }) {
      if (kind === "ok") {
        const intervalS = changed > 0 ? state.intervalS / 2 : state.intervalS * 1.5;
        state.intervalS = Math.min(state.maxS, Math.max(state.minS, intervalS));
      } else state.intervalS = Math.min(state.maxS, state.intervalS * 2);
      return Math.max(state.intervalS, retryAfter ?? 0);
    },
  };
}

interface Halving {
  intervalS: number;
  minS: number;
  maxS: number;
}

/**
 * Knows every pair's true rate at every future moment, and polls by the index rule at the price that spends the
 * budget.
 */
export function oracle(population: Population, requestsPerSecond: number): PollPolicy<Known> {
  const demand = demandOf(population);
  let logTrim = 0;
  let trimmedAt = population.startS;
  const byId = new Map(population.truths.map((truth) => [truth.pair.id, truth]));
  return {
    name: "oracle",
    init: ({ id }) => ({ truth: byId.get(id) as Truth, at: 0 }),
    phase: (_, fleet) => fleet.rng() * 600,
    admit: ({ truth }, now, fleet) => admitUnderLimit(fleet, truth.limiter, truth.pair.cost, now),
    next(state, observation, fleet) {
      const { truth } = state;
      observeLimit(fleet, truth.limiter, truth.pair.cost, observation);
      if (observation.kind === "rate_limited") return (observation.retryAfter ?? 60) + fleet.rng() * 10;
      const now = observation.startedAt;
      const fill = fleet.tokensAvailable() / fleet.budget.burst;
      logTrim += ((now - trimmedAt) / 2_000) * Math.max(-1, Math.min(1, -0.2 - fill));
      logTrim = Math.max(-3, Math.min(3, logTrim));
      trimmedAt = now;
      const sum = demand[
        Math.min(demand.length - 1, Math.floor((now - population.startS) / DEMAND_STEP_S))
      ] as number;
      const price = (sum * sum) / (2 * requestsPerSecond * requestsPerSecond);
      const dearer = Math.exp(logTrim) * limitPrice(fleet, truth.limiter);
      return waitFor(state, now, price * dearer * truth.pair.cost, truth.pair.maxInterval);
    },
  };
}

interface Known {
  truth: Truth;
  /** The step of the rate that holds now. */
  at: number;
}

const DEMAND_STEP_S = 300;

/** The sum over all pairs of sqrt(rate x cost), at each step of time. */
function demandOf({ truths, startS, endS }: Population): Float64Array {
  const sums = new Float64Array(Math.ceil((endS - startS) / DEMAND_STEP_S));
  for (const truth of truths) {
    const { rate } = truth;
    let at = 0;
    for (let step = 0; step < sums.length; step += 1) {
      const middle = startS + (step + 0.5) * DEMAND_STEP_S;
      while (at + 1 < truth.from.length && (truth.from[at + 1] as number) <= middle) at += 1;
      sums[step]! += Math.sqrt((rate[at] as number) * truth.pair.cost);
    }
  }
  return sums;
}

/** The mean delay that no policy can beat: polls without noise, at true rates, at any instant. */
export function fluidBound(population: Population, requestsPerSecond: number, warmUpS: number): number {
  const sums = demandOf(population).subarray(Math.ceil(warmUpS / DEMAND_STEP_S));
  const waited = sums.reduce(
    (total, sum) => total + (sum * sum * DEMAND_STEP_S) / (2 * requestsPerSecond),
    0,
  );
  const changes = population.truths.reduce(
    (total, truth) => total + truth.changes.filter((at) => at >= population.startS + warmUpS).length,
    0,
  );
  return waited / changes;
}

/** The seconds after which the expected wait of all changes reaches `target`. */
function waitFor(state: Known, now: number, target: number, maxS: number): number {
  const { from, rate: rates } = state.truth;
  while (state.at + 1 < from.length && (from[state.at + 1] as number) <= now) state.at += 1;
  let [waited, pending, elapsed] = [0, 0, 0];
  for (let at = state.at; elapsed < maxS; at += 1) {
    const rate = rates[at] as number;
    const span = Math.min(maxS, (from[at + 1] ?? Number.POSITIVE_INFINITY) - now) - elapsed;
    const whole = waited + pending * span + (rate * span * span) / 2;
    if (whole >= target) {
      const missing = target - waited;
      const root = Math.sqrt(pending * pending + 2 * rate * missing);
      return elapsed + (2 * missing) / (pending + root);
    }
    waited = whole;
    pending += rate * span;
    elapsed += span;
  }
  return maxS;
}
