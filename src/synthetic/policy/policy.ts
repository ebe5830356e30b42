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
import { countAsTold, type Demand, priceAfter, withdrawDemand } from "./price.ts";
import { explain, type Reasons } from "./reasons.ts";
import type { Fleet, Observation, PollPair, PollPolicy } from "./poll-policy.ts";

/** What is remembered of a pair between its polls: plain JSON, some 3 KB. */
export interface PolicyState {
  pair: PollPair;
  /** Whose limit its requests count against. */
  limit: string;
  activity: Activity;
  belief: Belief;
  demand: Demand;
  failures: number;
  /** The wait that followed the last attempt, and what made it so. */
  why: Reasons | undefined;
}

export interface AdaptivePolicy extends PollPolicy<PolicyState> {
  phase(state: PolicyState, fleet: Fleet): number;
  admit(state: PolicyState, now: number, fleet: Fleet): number;
  /** Takes up a state that this or another process stored, for the pair as it is now. */
  resume(stored: PolicyState, pair: PollPair, fleet: Fleet): PolicyState;
  /** Why the next poll comes when it does, in sentences. */
  explain(state: PolicyState): string[];
  /** Says that the pair is polled no longer by this scheduler. */
  retire(state: PolicyState, fleet: Fleet): void;
}

const MAX_BACK_OFF_S = 1_800;
/** Nothing that shares a limit wakes all at once. */
const WAKE_SPREAD_S = 10;
/** A burst is followed in steps of this length while it matters. */
const BURST_STEP_S = 0.4 * BURST_S;
const BURST_OVER = 0.05;
/** As measured by `npm run bench -- policy`: with more, shared limits are refused more often. */
const MAX_BEND = 0.75;

/**
 * The adaptive poll policy. It estimates each pair's rate of changes now and in the hours to come (habit by hour of
 * the local week, times how far the present differs from it), and polls at the moment when the expected waiting of
 * the changes so far is worth the requests. One price for all pairs, and a higher one where a provider's limit is
 * tight, spends the budget where it saves most delay. Decision 7 has the reasons and the figures.
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
      const anew = this.init(pair, fleet);
      // What another entity's records did says nothing of these.
      if (stored.pair.connector !== pair.connector || stored.pair.entity !== pair.entity) return anew;
      const { activity, belief, demand, failures, why } = stored;
      countAsTold(fleet, demand);
      return {
        ...anew,
        activity: { ...activity, prior: anew.activity.prior },
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
  // A poll that failed is worth as much as before: the wait grows only while it goes on failing.
  const backOffS = doubledS * (0.5 + 0.5 * fleet.rng());
  const waitS =
    retryAfter === null ? backOffS : Math.max(retryAfter + fleet.rng() * WAKE_SPREAD_S, pair.minInterval);
  state.why = {
    kind: "failed",
    waitS,
    limited: kind === "rate_limited",
    asked: retryAfter !== null,
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

/** At this price the square-root law polls a pair of the supposed rate at its base interval. */
function basePrice(pair: PollPair): number {
  return (pair.baseInterval * pair.baseInterval * supposedRate(pair)) / (2 * pair.cost);
}

/**
 * Where polls are rare beside bursts, only a poll could tell that one began: the longer a pair was left alone, the less
 * waiting makes it worth a poll. Draws the waits of all pairs towards their mean, by the power `bend`.
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
    // What is left of the burst, if there is one, in the middle of the step.
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
