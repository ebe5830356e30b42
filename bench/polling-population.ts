import { hourOfWeek } from "../src/synthetic/policy/local-week.ts";
import type { FleetConnector, PollPair } from "../src/synthetic/policy/poll-policy.ts";

/** The truth about a pair, hidden from the learner. */
export interface Truth {
  pair: PollPair;
  connector: number;
  /** The provider's limiter that counts its requests. */
  limiter: string;
  /** The rates of changes, each from a time in Unix seconds on, in changes per second. The last holds to the end. */
  from: Float64Array;
  rate: Float64Array;
  /** The times of its changes, Unix seconds, ascending. */
  changes: Float64Array;
}

export interface Population {
  truths: Truth[];
  connectors: (FleetConnector & { requestsPerMinute: number })[];
  /** Unix seconds. */
  startS: number;
  endS: number;
}

const DAY = 86_400;
const HOUR = 3_600;
/** 2026-01-01 00:00 UTC. */
const THURSDAY = 1_767_225_600;

/**
 * A realistic fleet of sources: rates over four orders of magnitude, working hours, evenings, nights and none, sudden
 * bursts, rates that change for good, and connectors with limits. It begins on a Thursday.
 */
export function makePopulation(options: { seed: number; pairs: number; days: number }): Population {
  const random = seeded(options.seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const [startS, endS] = [THURSDAY, THURSDAY + options.days * DAY];

  const connectors = Array.from({ length: 12 }, (_, index) => ({
    name: `connector-${index}`,
    shared: index < 3,
    sendsHeaders: index % 2 === 0,
    // An app-wide limit serves some 170 pairs, an account's a handful.
    requestsPerMinute: index < 3 ? 50 + 12 * index : 20 + 6 * (index % 4),
  }));
  const tenants = Array.from({ length: 100 }, (_, index) => ({
    name: `tenant-${index}`,
    hours: pick([-8, -6, -5, -5, 0, 0, 1, 1, 1, 2, 5.5, 8, 9]),
  }));

  const truths = Array.from({ length: options.pairs }, (_, id): Truth => {
    const tenant = pick(tenants);
    const connector = Math.floor(random() * connectors.length);
    const { name, shared } = connectors[connector] as (typeof connectors)[number];
    const pages = Math.min(20, Math.max(1, Math.round(Math.exp(0.2 + 0.9 * normal()))));
    const wrong = random() < 0.1;
    const pair: PollPair = {
      id: `pair-${id}`,
      tenant: tenant.name,
      connector: name,
      entity: pick(["order", "customer", "product", "ticket", "invoice"]),
      tz: wrong ? pick([-8, 0, 5.5, 9]) : tenant.hours,
      records: Math.ceil(pages * 250 * (0.2 + 0.8 * random())),
      cost: pages,
      baseInterval: pick([300, 600, 900]),
      minInterval: 30,
      maxInterval: 21_600,
    };
    const perDay = Math.min(8_000, Math.exp(1.9 + 2 * normal()));
    const { from, rate } = rates({
      random,
      normal,
      pick,
      perDay,
      hours: tenant.hours,
      startS,
      endS,
    });
    return {
      pair,
      connector,
      limiter: shared ? name : `${name}/${tenant.name}`,
      from,
      rate,
      changes: arrivals(random, from, rate, endS),
    };
  });
  return { truths, connectors, startS, endS };
}

/** Reproducible random numbers in [0, 1) by seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The weight of each hour of the local week, Monday 00:00 first. */
type Profile = (hour: number, weekend: boolean) => number;

const PROFILES: { upTo: number; weight: Profile }[] = [
  { upTo: 0.45, weight: (hour, weekend) => (weekend ? 0.04 : hour >= 8 && hour < 18 ? 1 : 0.05) },
  {
    upTo: 0.65,
    weight: (hour, weekend) =>
      (hour >= 10 && hour < 23 ? (hour >= 18 ? 1 : 0.5) : 0.08) * (weekend ? 1.4 : 1),
  },
  { upTo: 0.8, weight: () => 1 },
  { upTo: 0.9, weight: (hour) => (hour >= 1 && hour < 4 ? 1 : 0.02) },
  { upTo: 1, weight: (hour, weekend) => (weekend ? 0.02 : [9, 12, 17].includes(hour) ? 1 : 0.05) },
];

interface Draw {
  random: () => number;
  normal: () => number;
  pick: <T>(list: readonly T[]) => T;
  perDay: number;
  hours: number;
  startS: number;
  endS: number;
}

function rates({ random, normal, pick, perDay, hours, startS, endS }: Draw) {
  const kind = random();
  const { weight } = PROFILES.find(({ upTo }) => kind < upTo) ?? PROFILES[0]!;
  const shift = pick([-1, 0, 0, 0, 1]);
  // Each pair deviates from the hours of its kind.
  const week = Array.from({ length: 168 }, (_, hour) => {
    const local = (((hour % 24) + shift + 24) % 24) as number;
    return weight(local, hour >= 120) * Math.exp(0.25 * normal());
  });
  const mean = week.reduce((sum, value) => sum + value, 0) / 168;

  const regimes = [{ at: startS, factor: 1 }];
  for (let at = startS + gap(random, 18 * DAY); at < endS; at += gap(random, 18 * DAY)) {
    regimes.push({ at, factor: random() < 0.1 ? 0.01 : Math.exp(1.1 * normal()) });
  }
  const bursts: { at: number; until: number; factor: number }[] = [];
  const burstsPerDay = pick([0, 0.3, 0.7, 1.5]);
  if (burstsPerDay > 0) {
    for (
      let at = startS + gap(random, DAY / burstsPerDay);
      at < endS;
      at += gap(random, DAY / burstsPerDay)
    ) {
      bursts.push({ at, until: at + 300 + gap(random, 1_500), factor: 20 + 80 * random() });
    }
  }
  const edges = new Set<number>();
  for (let at = startS; at < endS; at += HOUR) edges.add(at);
  for (const { at } of regimes) edges.add(at);
  for (const { at, until } of bursts) edges.add(at).add(until);
  const from = Float64Array.from([...edges].filter((at) => at < endS).sort((a, b) => a - b));
  const base = perDay / DAY;
  const calmRate = from.map((at) => {
    const local = hourOfWeek(at, hours);
    const factor = regimes.findLast((regime) => regime.at <= at)?.factor ?? 1;
    return Math.min(0.5, (base * factor * (week[local] as number)) / mean);
  });
  const rate = from.map((at, index) => {
    const burst = bursts.reduce((sum, one) => sum + (one.at <= at && at < one.until ? one.factor : 0), 0);
    const factor = regimes.findLast((regime) => regime.at <= at)?.factor ?? 1;
    return Math.min(1, (calmRate[index] as number) + Math.min(base * factor, 0.01) * burst);
  });
  return { from, rate };
}

function gap(random: () => number, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** A Poisson process whose rate is a step function. */
function arrivals(random: () => number, from: Float64Array, rate: Float64Array, end: number): Float64Array {
  const found: number[] = [];
  let left = gap(random, 1);
  for (let index = 0; index < from.length; index += 1) {
    const perSecond = rate[index] as number;
    let at = from[index] as number;
    const until = from[index + 1] ?? end;
    while (left <= (until - at) * perSecond) {
      at += left / perSecond;
      found.push(at);
      left = gap(random, 1);
    }
    left -= (until - at) * perSecond;
  }
  return Float64Array.from(found);
}
