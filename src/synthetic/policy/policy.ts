import {
  type Activity,
  exposureOf,
  learnActivity,
  newActivity,
  scaleOf,
  shapeAt,
  supposedRate,
} from "./activity.ts";
import { type Belief, BURST_S, learnBurst, mean, noBelief, USUAL } from "./bursts.ts";
import { changesBehind } from "./changes-behind.ts";
import { timeToIndex } from "./index-rule.ts";
import { admitUnderLimit, limitPrice, observeLimit } from "./limiter.ts";
import { endOfHour, hourOfWeek, offsetHours } from "./local-week.ts";
import type { Fleet, Observation, PollPair, PollPolicy } from "./poll-policy.ts";
import { adoptOwnDemand, type Demand, priceAfter, withdrawDemand } from "./price.ts";
import { explain, type Reasons } from "./reasons.ts";

/** The state of a pair between its polls: plain JSON, about 3 KB. */
export interface PolicyState {
  pair: PollPair;
  /** The key of the rate limit that its requests count against. */
  limit: string;
  activity: Activity;
  belief: Belief;
  demand: Demand;
  failures: number;
  /** The last wait and the reasons for it. */
  why: Reasons | undefined;
}

/** The adaptive policy with the functions that the engine uses beside `PollPolicy`. */
export interface AdaptivePolicy extends PollPolicy<PolicyState> {
  phase(state: PolicyState, fleet: Fleet): number;
  admit(state: PolicyState, now: number, fleet: Fleet): number;
  /** Adapts a state stored by any process to the current pair. */
  resume(stored: PolicyState, pair: PollPair, fleet: Fleet): PolicyState;
  /** Returns the reasons for the time of the next poll, in sentences. */
  explain(state: PolicyState): string[];
  /** Removes a pair that this scheduler no longer polls. */
  retire(state: PolicyState, fleet: Fleet): void;
}

const MAX_BACK_OFF_S = 1_800;
/** Spreads the polls that wake when a rate limit ends. */
const WAKE_SPREAD_S = 10;
/** Step length while a burst matters. */
const BURST_STEP_S = 0.4 * BURST_S;
const BURST_OVER = 0.05;
/** Measured with `npm run bench -- policy`: larger values cause more refusals of shared limits. */
const MAX_BEND = 0.75;

/**
 * Returns the adaptive poll policy. It estimates each pair's rate of changes now and in the coming hours (habit by
 * hour of the local week, times the current burst), and polls when the expected waiting of the changes so far is
 * worth the requests. One price for all pairs, and a higher one under a tight rate limit, spends the budget where it
 * saves most delay. Decision 7 has the reasons and the figures.
 */
export default function adaptivePolicy(): AdaptivePolicy {
  return {
    name: "adaptive",
    init(pair, fleet) {
      const shared = fleet.connectors.find(({ name }) => name === pair.connector)?.shared === true;
      return {
        pair,
        limit: JSON.stringify(shared ? [pair.connector] : [pair.connector, pair.tenant]),
        activity: newActivity(pair),
        belief: noBelief(),
        demand: { run: 0, value: 0 },
        failures: 0,
        why: undefined,
      };
    },
    resume(stored, pair, fleet) {
      const fresh = this.init(pair, fleet);
      // The history of another entity's records does not apply.
      if (stored.pair.connector !== pair.connector || stored.pair.entity !== pair.entity) return fresh;
      const { activity, belief, demand, failures, why } = stored;
      adoptOwnDemand(fleet, demand);
      return {
        ...fresh,
        activity: { ...activity, prior: fresh.activity.prior },
        belief,
        demand,
        failures,
        why,
      };
    },
    phase: ({ pair }, fleet) => fleet.rng() * Math.min(pair.baseInterval, pair.maxInterval),
    admit: ({ limit, pair }, now, fleet) => admitUnderLimit(fleet, limit, pair.cost, now),
    next(state, observation, fleet) {
      observeLimit(fleet, state.limit, state.pair.cost, observation);
      if (observation.kind !== "ok") return afterFailure(state, observation, fleet);
      state.failures = 0;
      learn(state, observation, fleet);
      return decide(state, observation.startedAt, fleet);
    },
    explain: ({ pair, why }) => explain(pair, why),
    retire: ({ demand }, fleet) => withdrawDemand(fleet, demand),
  };
}

function afterFailure(state: PolicyState, { kind, retryAfter }: Observation, fleet: Fleet): number {
  const { pair } = state;
  state.failures += 1;
  const doubledS = Math.min(MAX_BACK_OFF_S, pair.minInterval * 2 ** Math.min(20, state.failures));
  // The value of a poll does not fall when one fails, so only repeated failures lengthen the wait.
  const backOffS = doubledS * (0.5 + 0.5 * fleet.rng());
  const waitS =
    retryAfter === null ? backOffS : Math.max(retryAfter + fleet.rng() * WAKE_SPREAD_S, pair.minInterval);
  state.why = {
    kind: "failed",
    waitS,
    limited: kind === "rate_limited",
    retryAfterSent: retryAfter !== null,
    failures: state.failures,
  };
  return waitS;
}

function learn(state: PolicyState, observation: Observation, fleet: Fleet): void {
  const { elapsed, startedAt: now, changed } = observation;
  if (elapsed === null || elapsed <= 0) return;
  const { activity, belief, pair } = state;
  const changes = changesBehind(changed, observation.total || pair.records);
  const gap = exposureOf(activity, fleet, offsetHours(pair.tz, now), now - elapsed, now);
  const calm = (scaleOf(activity) / USUAL) * gap.exposureS;
  const multiplier = learnBurst(belief, { gapS: elapsed, changes, calm });
  const excess = Math.max(1, multiplier / USUAL);
  learnActivity(activity, fleet, { now, gapS: elapsed, changes, excess, ...gap });
}

/** Returns the price at which the square-root law polls a pair of the prior rate at its base interval. */
function basePrice(pair: PollPair): number {
  return (pair.baseInterval * pair.baseInterval * supposedRate(pair)) / (2 * pair.cost);
}

/**
 * Draws the waits of all pairs towards their mean, by the power `bend`. When polls are rarer than bursts, only a poll
 * can detect a burst, so a pair that was left alone for longer needs less expected waiting to be worth a poll.
 */
function rarerPolls({ pairs, budget }: Fleet): { meanS: number; leastS: number; bend: number } {
  const meanS = (typeof pairs === "number" ? pairs : pairs.length) / budget.rate;
  return { meanS, leastS: meanS / 10, bend: MAX_BEND * Math.min(1, meanS / BURST_S) };
}

function decide(state: PolicyState, now: number, fleet: Fleet): number {
  const { pair, activity, belief, limit } = state;
  const offset = offsetHours(pair.tz, now);
  const calm = scaleOf(activity) / USUAL;
  const multiplier = mean(belief);
  const shapeNow = shapeAt(activity, fleet, hourOfWeek(now, offset));
  const rateNow = calm * shapeNow * multiplier;
  const price = priceAfter(fleet, state.demand, Math.sqrt(rateNow * pair.cost), now);
  const dearer = limitPrice(fleet, limit);

  const stepAt = (elapsedS: number) => {
    const at = now + elapsedS;
    const hour = hourOfWeek(at, offset);
    const restS = endOfHour(at, offset) - at;
    const durationS = Math.exp(-elapsedS / BURST_S) > BURST_OVER ? Math.min(restS, BURST_STEP_S) : restS;
    // The remaining part of a burst in the middle of the step.
    const left = Math.exp(-(elapsedS + durationS / 2) / BURST_S);
    return { durationS, rate: calm * shapeAt(activity, fleet, hour) * (USUAL + (multiplier - USUAL) * left) };
  };
  const floor = fleet.keepsToBases ? basePrice(pair) : 0;
  const worth = Math.max(price, floor) * dearer * pair.cost;
  const rarer = rarerPolls(fleet);
  const targetAt = (elapsedS: number) =>
    worth * (rarer.meanS / Math.max(rarer.leastS, elapsedS)) ** rarer.bend;
  const idealS = timeToIndex(stepAt, targetAt, pair.maxInterval);
  const waitS = Math.min(pair.maxInterval, Math.max(pair.minInterval, idealS));
  state.why = { kind: "decided", waitS, idealS, rateNow, shapeNow, burst: multiplier / USUAL, dearer };
  return waitS;
}
