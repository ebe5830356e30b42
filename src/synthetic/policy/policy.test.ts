import { describe, expect, test } from "vitest";
import { changesBehind } from "./changes-behind.ts";
import { timeToIndex } from "./index-rule.ts";
import { hourOfWeek, offsetHours } from "./local-week.ts";
import adaptivePolicy, { type PolicyState } from "./policy.ts";
import type { Fleet, Observation, PollPair } from "./poll-policy.ts";
import { priceAfter } from "./price.ts";

const HOUR = 3_600;
const DAY = 86_400;
/** 2026-01-05 00:00 UTC, in winter. */
const MONDAY = 1_767_571_200;

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

function fleetOf(
  pairs: number,
  options: { rate?: number; sendsHeaders?: boolean; shared?: boolean } = {},
): Fleet {
  const rate = options.rate ?? 1;
  const connectors = [
    { name: "shop", shared: options.shared ?? false, sendsHeaders: options.sendsHeaders ?? false },
  ];
  const burst = 10 * rate;
  return {
    budget: { rate, burst },
    pairs,
    connectors,
    rng: seeded(7),
    shared: {},
    // The resting point of the trim.
    tokensAvailable: () => -0.25 * burst,
    queueLag: 0,
  };
}

const pairOf = (id: string, more: Partial<PollPair> = {}): PollPair => ({
  id,
  tenant: "acme",
  connector: "shop",
  entity: "order",
  tz: 0,
  records: 100_000,
  cost: 1,
  baseInterval: 300,
  minInterval: 30,
  maxInterval: 21_600,
  ...more,
});

const seen = (
  now: number,
  elapsed: number | null,
  changed: number,
  more: Partial<Observation> = {},
): Observation => ({
  now,
  scheduledAt: now,
  startedAt: now,
  kind: "ok",
  changed,
  total: 100_000,
  elapsed,
  retryAfter: null,
  rateLimit: null,
  requests: 1,
  first: elapsed === null,
  ...more,
});

function poisson(mean: number, random: () => number): number {
  let count = -1;
  for (let sum = 0; sum < mean; count += 1) sum -= Math.log(1 - random());
  return Math.max(0, count);
}

/** Polls pairs with given rates from `from` to `to`, as the policy decides. Returns the polls of the first pair. */
function run(
  fleet: Fleet,
  sources: { pair: PollPair; rateAt: (at: number) => number }[],
  from: number,
  to: number,
  reload: (state: PolicyState, pair: PollPair) => PolicyState = (state) => state,
) {
  const policy = adaptivePolicy();
  const random = seeded(3);
  const polls: { at: number; waitS: number; rate: number; changed: number }[] = [];
  const due = sources.map(({ pair, rateAt }) => ({
    pair,
    rateAt,
    state: policy.init(pair, fleet),
    at: from + random() * pair.baseInterval,
    last: undefined as number | undefined,
  }));
  for (;;) {
    const next = due.reduce((first, one) => (one.at < first.at ? one : first));
    if (next.at >= to) return { polls, policy, states: due.map(({ state }) => state) };
    const now = next.at;
    let changed = 0;
    if (next.last !== undefined) {
      for (let at = next.last; at < now; at += 60) {
        const mean = next.rateAt(at) * Math.min(60, now - at);
        changed += poisson(mean, random);
      }
    }
    next.state = reload(next.state, next.pair);
    const elapsed = next.last === undefined ? null : now - next.last;
    const waitS = policy.next(next.state, seen(now, elapsed, changed), fleet);
    if (next === due[0]) polls.push({ at: now, waitS, rate: next.rateAt(now), changed });
    next.last = now;
    next.at = now + waitS;
  }
}

/** A fleet whose other pairs set the price: ten that change once in ten minutes. */
function amongOthers(rateAt: (at: number) => number, pair = pairOf("first")) {
  const others = Array.from({ length: 10 }, (_, index) => ({
    pair: pairOf(`p${index}`),
    rateAt: () => 1 / 600,
  }));
  return [{ pair, rateAt }, ...others];
}

describe("a fleet that keeps to base intervals", () => {
  // Without business hours nothing but the rate moves the interval.
  const flat = { businessHours: { days: [1, 2, 3, 4, 5, 6, 7], from: 0, to: 24 } };
  const keeping = (rate = 1_000) => ({ ...fleetOf(1, { rate }), keepsToBases: true });
  const usualWait = (polls: { waitS: number }[]) => {
    const last = polls.slice(-200).map(({ waitS }) => waitS);
    return last.reduce((sum, waitS) => sum + waitS, 0) / last.length;
  };

  test.each([
    ["as often as its base interval supposes", 1 / 900, 200, 500],
    ["nine times as often", 9 / 900, 70, 140],
    ["hardly ever", 1 / 90_000, 1_500, 3_600],
  ])(
    "a fleet with base intervals polls a pair that changes %s accordingly, however large the budget",
    (_, rate, atLeast, atMost) => {
      const pair = pairOf("first", { ...flat, maxInterval: 3_600 });
      const { polls } = run(keeping(), [{ pair, rateAt: () => rate }], MONDAY, MONDAY + 14 * DAY);
      expect(usualWait(polls)).toBeGreaterThan(atLeast);
      expect(usualWait(polls)).toBeLessThan(atMost);
    },
  );

  test("a fleet with base intervals polls less often when the budget is too small", () => {
    const pair = pairOf("first", { ...flat, maxInterval: 21_600 });
    const { polls } = run(keeping(1 / 1_200), [{ pair, rateAt: () => 1 / 900 }], MONDAY, MONDAY + 14 * DAY);
    expect(usualWait(polls)).toBeGreaterThan(900);
  });
});

describe("the published numbers", () => {
  test("the corrected estimator matches the published numbers of Cho and Garcia-Molina", () => {
    expect(changesBehind(5, 10) / 10).toBeCloseTo(0.6466271649, 9);
    expect(changesBehind(10, 10) / 10).toBeCloseTo(3.0445224377, 9);
    expect(changesBehind(0, 10)).toBe(0);
    expect(changesBehind(7, 1_000_000)).toBe(7);
  });

  test("the square-root law gives the published mean delay of four rates under one budget", () => {
    const rates = [0.1, 1, 10, 100];
    const fleet = { ...fleetOf(4), budget: { rate: 20, burst: 20 }, tokensAvailable: () => -5 };
    const price = rates
      .map((rate) => priceAfter(fleet, { run: 0, value: 0 }, Math.sqrt(rate), 0))
      .at(-1) as number;
    const waits = rates.map((rate) =>
      timeToIndex(
        () => ({ durationS: 1e9, rate }),
        () => price,
        1e9,
      ),
    );
    expect(waits.map((wait) => Number((1 / wait).toFixed(3)))).toEqual([0.437, 1.381, 4.368, 13.814]);
    const delay = rates.reduce((sum, rate, index) => sum + (rate * (waits[index] as number)) / 2, 0);
    expect((3_600 * delay) / 111.1).toBeCloseTo(169.8, 1);
  });

  test("the index rule gives sqrt(2 x price / rate) for a constant rate, in any number of steps", () => {
    const steps = () => ({ durationS: 7, rate: 0.01 });
    expect(timeToIndex(steps, () => 50, 1e6)).toBeCloseTo(100, 6);
    expect(
      timeToIndex(
        () => ({ durationS: 1e6, rate: 0.01 }),
        () => 50,
        1e6,
      ),
    ).toBeCloseTo(100, 6);
    expect(
      timeToIndex(
        () => ({ durationS: 7, rate: 0 }),
        () => 50,
        600,
      ),
    ).toBe(600);
    expect(timeToIndex(steps, () => 0, 600)).toBe(0);
  });

  test("the index rule meets a target that falls with the wait", () => {
    const targetAt = (elapsedS: number) => 50 * (200 / Math.max(20, elapsedS)) ** 0.5;
    const waitS = timeToIndex(() => ({ durationS: 7, rate: 0.01 }), targetAt, 1e6);
    expect((0.01 * waitS * waitS) / 2 / targetAt(waitS)).toBeCloseTo(1, 3);
    const inOne = timeToIndex(() => ({ durationS: 1e6, rate: 0.01 }), targetAt, 1e6);
    expect(inOne / waitS).toBeCloseTo(1, 2);
  });

  test("the index rule waits through hours without changes", () => {
    const night = (elapsedS: number) =>
      elapsedS < 3_600 ? { durationS: 3_600 - elapsedS, rate: 0 } : { durationS: 1e6, rate: 0.01 };
    expect(timeToIndex(night, () => 50, 1e6)).toBeCloseTo(3_700, 6);
  });
});

describe("local hours", () => {
  test("local hours follow the zone's daylight saving changes", () => {
    const spring = Date.UTC(2026, 2, 29, 1) / 1_000;
    expect(offsetHours("Europe/Berlin", spring - 1)).toBe(1);
    expect(offsetHours("Europe/Berlin", spring)).toBe(2);
    expect(offsetHours("Asia/Kolkata", spring)).toBe(5.5);
    expect(offsetHours("America/Los_Angeles", spring)).toBe(-7);
    expect(offsetHours("No/Where", spring)).toBe(0);
    expect(offsetHours(-3, spring)).toBe(-3);
  });

  test("local weeks begin on Monday", () => {
    expect(hourOfWeek(MONDAY, 0)).toBe(0);
    expect(hourOfWeek(MONDAY, -1)).toBe(167);
    expect(hourOfWeek(MONDAY + 6 * DAY + 23 * HOUR, 0.5)).toBe(167);
    expect(hourOfWeek(MONDAY + 6 * DAY + 23 * HOUR, 1)).toBe(0);
  });
});

describe("poll interval", () => {
  test("the interval stays between the pair's minimum and maximum", () => {
    const policy = adaptivePolicy();
    const random = seeded(1);
    for (let trial = 0; trial < 300; trial += 1) {
      const fleet = fleetOf(5, { rate: 0.01 + random() * 10 });
      const pair = pairOf("p", { minInterval: 60, maxInterval: 600, records: Math.floor(random() * 50) });
      const state = policy.init(pair, fleet);
      for (let at = MONDAY; at < MONDAY + DAY; ) {
        const elapsed = random() < 0.1 ? null : 10 ** (random() * 7);
        const changed = Math.floor(random() < 0.5 ? 0 : 10 ** (random() * 6));
        const waitS = policy.next(state, seen(at, elapsed, changed, { total: pair.records }), fleet);
        expect(waitS).toBeGreaterThanOrEqual(60);
        expect(waitS).toBeLessThanOrEqual(600);
        at += HOUR;
      }
    }
  });

  test("the interval shrinks with changes and grows without", () => {
    const interval = (perHour: number) => {
      const { polls } = run(
        fleetOf(11, { rate: 0.02 }),
        amongOthers(() => perHour / HOUR),
        MONDAY,
        MONDAY + 5 * DAY,
      );
      const last = polls.filter(({ at }) => at > MONDAY + 4 * DAY);
      return DAY / last.length;
    };
    const [rare, usual, often] = [interval(0.2), interval(5), interval(60)];
    expect(rare).toBeGreaterThan(2 * usual);
    expect(usual).toBeGreaterThan(2 * often);
  });

  test("a new pair's interval is shorter in its business hours than at night", () => {
    const first = (tz: string, at: number, more: Partial<PollPair> = {}) => {
      const fleet = fleetOf(11, { rate: 0.02 });
      const policy = adaptivePolicy();
      for (let index = 0; index < 10; index += 1) {
        policy.next(policy.init(pairOf(`p${index}`), fleet), seen(at, null, 0), fleet);
      }
      return policy.next(policy.init(pairOf("new", { tz, ...more }), fleet), seen(at, null, 0), fleet);
    };
    const ten = MONDAY + 9 * HOUR;
    expect(first("Europe/Berlin", ten)).toBeLessThan(0.75 * first("America/Los_Angeles", ten));
    const night = { businessHours: { days: [1, 2, 3, 4, 5, 6, 7], from: 22, to: 4 } };
    expect(first("America/Los_Angeles", ten, night)).toBeLessThan(0.75 * first("Europe/Berlin", ten, night));
  });

  test("the interval follows the hours of actual changes against the configured hours", () => {
    const nightly = (at: number) => (hourOfWeek(at, 0) % 24 < 4 ? 60 / HOUR : 0.5 / HOUR);
    const { polls } = run(fleetOf(11, { rate: 0.05 }), amongOthers(nightly), MONDAY, MONDAY + 15 * DAY);
    const learned = polls.filter(({ at }) => at > MONDAY + 14 * DAY);
    const atNight = learned.filter(({ at }) => hourOfWeek(at, 0) % 24 < 4).length / 4;
    const byDay = learned.filter(({ at }) => hourOfWeek(at, 0) % 24 >= 8).length / 16;
    expect(atNight).toBeGreaterThan(4 * byDay);
  });

  test("the interval shrinks at once in a burst and grows back after it", () => {
    const begins = MONDAY + 8 * DAY + 12 * HOUR;
    const burst = (at: number) => (at > begins && at < begins + HOUR ? 0.3 : 1 / 900);
    const { polls } = run(fleetOf(11, { rate: 0.03 }), amongOthers(burst), MONDAY, MONDAY + 9 * DAY);
    const interval = (from: number, to: number) => {
      const within = polls.filter(({ at }) => at > begins + from && at < begins + to);
      return within.reduce((sum, { waitS }) => sum + waitS, 0) / within.length;
    };
    const usual = interval(-3 * HOUR, 0);
    expect(interval(HOUR / 2, HOUR)).toBeLessThan(usual / 3);
    expect(interval(3 * HOUR, 6 * HOUR)).toBeGreaterThan(usual / 2);
  });

  test.each([
    ["ten times as often", 10],
    ["a tenth as often", 0.1],
  ])(
    "the interval is within a factor of 2 of the ideal after 20 polls or a day when a source starts to change %s",
    (_, factor) => {
      const turn = MONDAY + 10 * DAY;
      const rateAt = (at: number) => (at < turn ? 1 : factor) / 600;
      const fleet = fleetOf(11, { rate: 0.05 });
      const { polls } = run(fleet, amongOthers(rateAt), MONDAY, turn + 2 * DAY);
      const late = polls.filter(({ at }, index) => {
        const since = polls.findIndex((poll) => poll.at > turn);
        return at > turn + DAY && index > since + 20;
      });
      const interval = late.reduce((sum, { waitS }) => sum + waitS, 0) / late.length;
      // Under one price, intervals are proportional to 1 / sqrt(rate) and spend the budget together.
      const ideal = (10 * Math.sqrt(1 / 600) + Math.sqrt(factor / 600)) / Math.sqrt(factor / 600) / 0.05;
      expect(interval / ideal).toBeGreaterThan(0.5);
      expect(interval / ideal).toBeLessThan(2);
    },
  );

  test("the interval does not change when the state is stored and read between polls", () => {
    const sources = amongOthers(() => 1 / 300);
    const stored = (state: PolicyState) => JSON.parse(JSON.stringify(state)) as PolicyState;
    const kept = run(fleetOf(11), sources, MONDAY, MONDAY + DAY).polls;
    expect(run(fleetOf(11), sources, MONDAY, MONDAY + DAY, stored).polls).toEqual(kept);
    const fleet = fleetOf(11);
    const resume = (state: PolicyState, pair: PollPair) =>
      adaptivePolicy().resume(stored(state), pair, fleet);
    expect(run(fleet, sources, MONDAY, MONDAY + DAY, resume).polls).toEqual(kept);
  });

  test("the interval hardly changes when the fleet's shared state is lost", () => {
    const fleet = fleetOf(11, { rate: 0.05 });
    const sources = amongOthers(() => 1 / 300);
    const before = run(fleet, sources, MONDAY, MONDAY + 5 * DAY);
    const at = MONDAY + 5 * DAY;
    const ask = (shared: Record<string, unknown>) => {
      const state = JSON.parse(JSON.stringify(before.states[0])) as PolicyState;
      return before.policy.next(state, seen(at, 60, 0), { ...fleet, shared });
    };
    const kept = ask(fleet.shared);
    expect(ask({})).toBeGreaterThan(kept / 4);
    expect(ask({})).toBeLessThan(kept * 4);
  });

  test("the budget of a removed pair goes to the others", () => {
    const fleet = fleetOf(2);
    const policy = adaptivePolicy();
    const [stays, goes] = [policy.init(pairOf("a"), fleet), policy.init(pairOf("b"), fleet)];
    policy.next(goes, seen(MONDAY, null, 0), fleet);
    const both = policy.next(stays, seen(MONDAY, null, 0), fleet);
    policy.retire(goes, fleet);
    policy.retire(goes, fleet);
    const alone = policy.next(stays, seen(MONDAY, null, 0), { ...fleet, pairs: 1 });
    expect(alone).toBeLessThanOrEqual(both);
  });
});

describe("rate limits", () => {
  const refused = (now: number, retryAfter: number | null) =>
    seen(now, 60, 0, { kind: "rate_limited", retryAfter });

  test("a Retry-After holds all pairs under the limit until its end and not much longer", () => {
    const fleet = fleetOf(3, { shared: true });
    const policy = adaptivePolicy();
    const [one, other] = [
      policy.init(pairOf("a"), fleet),
      policy.init(pairOf("b", { tenant: "zeta" }), fleet),
    ];
    expect(policy.admit(one, MONDAY, fleet)).toBe(0);
    expect(policy.next(one, refused(MONDAY, 900), fleet)).toBeGreaterThanOrEqual(900);
    for (const at of [0, 1, 500, 899]) {
      const waitS = policy.admit(other, MONDAY + at, fleet);
      expect(waitS).toBeGreaterThanOrEqual(900 - at);
      expect(waitS).toBeLessThan(900 - at + 20);
    }
    expect(policy.admit(other, MONDAY + 901, fleet)).toBe(0);
  });

  test("tenants with limits of their own are not held by each other's refusals", () => {
    const fleet = fleetOf(2);
    const policy = adaptivePolicy();
    const [one, other] = [
      policy.init(pairOf("a"), fleet),
      policy.init(pairOf("b", { tenant: "zeta" }), fleet),
    ];
    policy.next(one, refused(MONDAY, 900), fleet);
    expect(policy.admit(one, MONDAY + 1, fleet)).toBeGreaterThan(0);
    expect(policy.admit(other, MONDAY + 1, fleet)).toBe(0);
  });

  test("running polls do not overspend the requests that the headers leave", () => {
    const fleet = fleetOf(3, { sendsHeaders: true });
    const policy = adaptivePolicy();
    const state = policy.init(pairOf("a", { cost: 2 }), fleet);
    policy.next(state, seen(MONDAY, 60, 0, { rateLimit: { limit: 60, remaining: 5, reset: 30 } }), fleet);
    expect(policy.admit(state, MONDAY, fleet)).toBe(0);
    expect(policy.admit(state, MONDAY, fleet)).toBe(0);
    expect(policy.admit(state, MONDAY, fleet)).toBeGreaterThanOrEqual(30);
    expect(policy.admit(state, MONDAY + 31, fleet)).toBe(0);
  });

  test("a limit without headers is learned from refusals and slowly raised again", () => {
    const fleet = fleetOf(3);
    const policy = adaptivePolicy();
    const state = policy.init(pairOf("a"), fleet);
    const sentIn = (at: number) => {
      let sent = 0;
      for (let second = 0; second < 60; second += 1)
        if (policy.admit(state, at + second, fleet) === 0) sent += 1;
      return sent;
    };
    expect(sentIn(MONDAY)).toBe(60);
    policy.next(state, refused(MONDAY + 59, 1), fleet);
    expect(sentIn(MONDAY + 60)).toBe(42);
    const later = Array.from({ length: 5 }, (_, minute) => sentIn(MONDAY + 120 + 60 * minute));
    expect(later.at(-1)).toBeGreaterThan(50);
    expect([...later].sort((left, right) => left - right)).toEqual(later);
  });

  test("pairs under a tight limit are polled less often", () => {
    const fleet = fleetOf(2, { rate: 0.01 });
    const policy = adaptivePolicy();
    const state = policy.init(pairOf("a"), fleet);
    const other = policy.init(pairOf("b", { tenant: "zeta" }), fleet);
    policy.next(other, seen(MONDAY, null, 0), fleet);
    const before = policy.next(state, seen(MONDAY, null, 0), fleet);
    policy.next(state, refused(MONDAY, 600), fleet);
    for (let asked = 0; asked < 60; asked += 1) policy.admit(state, MONDAY + asked, fleet);
    expect(policy.next(state, seen(MONDAY, null, 0), fleet)).toBeGreaterThan(2 * before);
    expect(policy.explain(state).join(" ")).toContain("rate limit is tight");
  });

  test("failing polls back off to half an hour until one succeeds", () => {
    const fleet = fleetOf(1);
    const policy = adaptivePolicy();
    const state = policy.init(pairOf("a"), fleet);
    const failed = seen(MONDAY, 60, 0, { kind: "error" });
    const waits = Array.from({ length: 30 }, () => policy.next(state, failed, fleet));
    expect(waits[0]).toBeLessThanOrEqual(60);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_800);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(900);
    policy.next(state, seen(MONDAY, 60, 0), fleet);
    expect(policy.next(state, failed, fleet)).toBeLessThanOrEqual(60);
  });
});

describe("the reasons", () => {
  test("the reasons of every wait are given in sentences", () => {
    const fleet = fleetOf(3, { rate: 0.01 });
    const policy = adaptivePolicy();
    const state = policy.init(pairOf("a", { maxInterval: 600 }), fleet);
    expect(policy.explain(state)).toEqual(["It has not been polled yet."]);
    policy.next(state, seen(MONDAY + 3 * HOUR, 3_600, 0), fleet);
    expect(policy.explain(state)).toEqual([
      expect.stringMatching(/^The next poll comes \d+ min after the last\.$/),
      expect.stringMatching(/^It is expected to change once in [\d.]+ h now\.$/),
      expect.stringMatching(/^This hour of its week is quiet: \d+ % of an average one\.$/),
      expect.stringMatching(/^It is calmer than usual: \d+ % of its changes\.$/),
    ]);
    policy.next(state, seen(MONDAY + 3 * HOUR + 600, 600, 300), fleet);
    expect(policy.explain(state).join(" ")).toMatch(/A burst seems to be under way: [\d.]+ times as many/);
    policy.next(state, seen(MONDAY, 60, 0, { kind: "rate_limited", retryAfter: 120 }), fleet);
    expect(policy.explain(state).slice(1)).toEqual([
      "The last poll hit the provider's rate limit.",
      "The provider sent a Retry-After.",
    ]);
    policy.next(state, seen(MONDAY, 60, 0, { kind: "error" }), fleet);
    expect(policy.explain(state)[1]).toBe("The last 2 polls failed; each further failure doubles the wait.");
  });
});
