import { DAY_BINS, dayBin, endOfHour, HOURS_OF_WEEK, hourOfWeek, hoursInBin } from "./local-week.ts";
import type { BusinessHours, Fleet, PollPair } from "./poll-policy.ts";

/**
 * The learned activity of a pair: rate(t) = scale x shape(hour of the local week). The scale is Gamma-Poisson:
 * changes over exposure, both forgotten with time. The shape is the pair's own changes by hour of the week, shrunk to
 * its own by hour of the day, shrunk to the fleet's and to its business hours.
 */
export interface Activity {
  /** Changes, and the seconds of average activity in which they were seen. */
  changes: number;
  exposureS: number;
  /** Seen and expected changes since the last test of the rate. */
  tested: { changes: number; expected: number };
  /** Changes by bin and by hour of the week; each weighs `e^((its time - weighedFrom) / memory)`. */
  byBin: number[];
  byHour: number[];
  byBinSum: number;
  weighedFrom: number;
  /** Weight of a change now. */
  weight: number;
  /** The business hours' share of each bin. */
  prior: number[];
}

/** Pseudo-changes of the fleet's profile, and of the pair's own day in its week. */
const FLEET_STRENGTH = 100;
const DAY_STRENGTH = 100;
/** Share of the day's profile that remains in the week's however many changes were seen. */
const DAY_SHARE = 2;
/** Pseudo-changes of the business hours within the fleet's profile. */
const PRIOR_STRENGTH = 200;
/** The prior is one change in three base intervals, with the weight of half a change. */
const FIRST_CHANGES = 0.5;
const FIRST_INTERVALS = 3;

const SCALE_MEMORY_S = 7 * 86_400;
const SHAPE_MEMORY_S = 21 * 86_400;
const MAX_WEIGHT = 10_000;

/** The rate is tested whenever this many changes were expected. A failed test halves its memory. */
const TEST_SIZE = 8;
const SURPRISE = 0.5;

/** Returns the prior activity of a pair. */
export function newActivity(pair: PollPair): Activity {
  return {
    changes: FIRST_CHANGES,
    exposureS: FIRST_CHANGES * FIRST_INTERVALS * pair.baseInterval,
    tested: { changes: 0, expected: 0 },
    byBin: new Array<number>(DAY_BINS).fill(0),
    byHour: new Array<number>(HOURS_OF_WEEK).fill(0),
    byBinSum: 0,
    weighedFrom: 0,
    weight: 1,
    prior: priorOf(pair.businessHours),
  };
}

/** Returns the prior rate of a pair, changes per second. */
export function supposedRate({ baseInterval }: PollPair): number {
  return 1 / (FIRST_INTERVALS * baseInterval);
}

/** Returns the rate of an average hour, changes per second. */
export function scaleOf({ changes, exposureS }: Activity): number {
  return (changes + 0.01) / (exposureS + 1);
}

/** Returns the relative activity of an hour of the week; 1 on average. */
export function shapeAt(activity: Activity, fleet: Fleet, hour: number): number {
  const profile = fleetProfile(fleet);
  const bin = dayBin(hour);
  const { byBinSum, weight } = activity;
  const fleetShare =
    ((profile.bins[bin] as number) + PRIOR_STRENGTH * (activity.prior[bin] as number)) /
    (profile.sum + PRIOR_STRENGTH);
  const fleetWeight = FLEET_STRENGTH * weight;
  const dayShare =
    (fleetWeight * fleetShare + (activity.byBin[bin] as number)) /
    (fleetWeight + byBinSum) /
    hoursInBin(hour);
  const dayWeight = DAY_STRENGTH * weight + DAY_SHARE * byBinSum;
  return (
    (HOURS_OF_WEEK * (dayWeight * dayShare + (activity.byHour[hour] as number))) / (dayWeight + byBinSum)
  );
}

/** The part of a gap within one local hour. */
export interface Stretch {
  hour: number;
  durationS: number;
  shape: number;
}

/** Splits a gap by local hours and sums the seconds of average activity. */
export function exposureOf(
  activity: Activity,
  fleet: Fleet,
  offset: number,
  from: number,
  to: number,
): { stretches: Stretch[]; exposureS: number } {
  const stretches: Stretch[] = [];
  let exposureS = 0;
  for (let at = Math.max(from, to - MAX_GAP_S); at < to; ) {
    const end = Math.min(to, endOfHour(at, offset));
    const hour = hourOfWeek(at, offset);
    const shape = shapeAt(activity, fleet, hour);
    stretches.push({ hour, durationS: end - at, shape });
    exposureS += shape * (end - at);
    at = end;
  }
  return { stretches, exposureS };
}

/** Only the end of a longer gap is used: months of silence say little about a source's weeks. */
const MAX_GAP_S = 14 * 86_400;

/**
 * Learns from a gap of `gapS` that ended `now` and contained `changes`. `excess` is the burst multiplier, which is
 * excluded from the habit.
 */
export function learnActivity(
  activity: Activity,
  fleet: Fleet,
  gap: {
    now: number;
    gapS: number;
    changes: number;
    excess: number;
    stretches: readonly Stretch[];
    exposureS: number;
  },
): void {
  const { now, gapS, changes, excess, stretches, exposureS } = gap;
  const surprised = failsTest(activity, changes / excess, scaleOf(activity) * exposureS);
  const kept = Math.exp(-gapS / SCALE_MEMORY_S) * (surprised ? SURPRISE : 1);
  activity.changes = activity.changes * kept + changes;
  activity.exposureS = activity.exposureS * kept + exposureS * excess;
  const calm = changes / excess;
  if (calm > 0) addToShape(activity, fleet, { now, calm, stretches, exposureS });
}

function failsTest({ tested }: Activity, changes: number, expected: number): boolean {
  tested.changes += changes;
  tested.expected += expected;
  const many = tested.changes > 4 * tested.expected + TEST_SIZE;
  if (tested.expected < TEST_SIZE && !many) return false;
  const few = tested.changes < tested.expected / 4;
  tested.changes = 0;
  tested.expected = 0;
  return many || few;
}

function addToShape(
  activity: Activity,
  fleet: Fleet,
  seen: { now: number; calm: number; stretches: readonly Stretch[]; exposureS: number },
): void {
  weigh(activity, seen.now);
  const { weight } = activity;
  const profile = fleetProfile(fleet);
  for (const { hour, durationS, shape } of seen.stretches) {
    // The changes are spread over the gap by the previous shape, since their times are unknown.
    const part = (seen.calm * shape * durationS) / seen.exposureS;
    const bin = dayBin(hour);
    activity.byHour[hour]! += part * weight;
    activity.byBin[bin]! += part * weight;
    activity.byBinSum += part * weight;
    // A busy pair contributes more to the fleet's week than a quiet one, but less than in proportion.
    const share = part / (1 + activity.byBinSum / weight);
    profile.bins[bin]! += share;
    profile.sum += share;
  }
}

/** Raises the weight of new changes instead of decaying old ones each time. */
function weigh(activity: Activity, now: number): void {
  if (activity.weighedFrom === 0) activity.weighedFrom = now;
  activity.weight = Math.exp((now - activity.weighedFrom) / SHAPE_MEMORY_S);
  if (activity.weight < MAX_WEIGHT) return;
  const down = (count: number) => count / activity.weight;
  activity.byHour = activity.byHour.map(down);
  activity.byBin = activity.byBin.map(down);
  activity.byBinSum = down(activity.byBinSum);
  activity.weighedFrom = now;
  activity.weight = 1;
}

interface Profile {
  bins: number[];
  sum: number;
}

/** Returns the fleet's changes by local hour. */
function fleetProfile(fleet: Fleet): Profile {
  const known = fleet.shared["profile"] as Profile | undefined;
  if (known !== undefined) return known;
  const profile = { bins: new Array<number>(DAY_BINS).fill(0), sum: 0 };
  fleet.shared["profile"] = profile;
  return profile;
}

const OFFICE: BusinessHours = { days: [1, 2, 3, 4, 5], from: 8, to: 18 };
/** Prior activity outside business hours, relative to inside. */
const OFF_HOURS = 0.3;

function priorOf({ days, from, to }: BusinessHours = OFFICE): number[] {
  const bins = new Array<number>(DAY_BINS).fill(0);
  for (let hour = 0; hour < HOURS_OF_WEEK; hour += 1) {
    const time = hour % 24;
    const within = from <= to ? time >= from && time < to : time >= from || time < to;
    bins[dayBin(hour)]! += within && days.includes(Math.floor(hour / 24) + 1) ? 1 : OFF_HOURS;
  }
  const sum = bins.reduce((total, bin) => total + bin, 0);
  return bins.map((bin) => bin / sum);
}
