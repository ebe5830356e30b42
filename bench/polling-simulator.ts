import type { Fleet, Observation, PollPolicy } from "../src/synthetic/policy/poll-policy.ts";
import { type Population, seeded } from "./polling-population.ts";

/** The result of a policy on a population. Delays are from a change to the end of the poll that saw it, s. */
export interface Outcome {
  meanS: number;
  p50S: number;
  p95S: number;
  p99S: number;
  /** The mean over pairs of each pair's own mean, and its 95th percentile. */
  pairMeanS: number;
  pairP95S: number;
  polls: number;
  emptyShare: number;
  rateLimited: number;
  /** The share of the budget spent after the warm-up. */
  budgetUse: number;
  changes: number;
}

const ERROR_SHARE = 0.002;

/** Polls the population under the policy. Results before `warmUpS` do not count. */
export function simulate<State>(
  population: Population,
  policy: PollPolicy<State>,
  options: { seed: number; requestsPerSecond: number; warmUpS: number },
): Outcome {
  const { truths, connectors, startS, endS } = population;
  const { requestsPerSecond: budgetRate } = options;
  const countsFromS = startS + options.warmUpS;
  const random = seeded(options.seed * 7_919 + 1);
  const burst = Math.max(20, budgetRate * 5);

  // Below zero, due polls wait for their turn.
  let tokens = burst;
  let tokensAt = startS;
  let now = startS;
  const refill = () => {
    tokens = Math.min(burst, tokens + (now - tokensAt) * budgetRate);
    tokensAt = now;
  };
  const fleet: Fleet = {
    budget: { rate: budgetRate, burst },
    pairs: truths.length,
    connectors,
    rng: seeded(options.seed * 104_729 + 2),
    shared: {},
    tokensAvailable: () => {
      refill();
      return tokens;
    },
    get queueLag() {
      refill();
      return Math.max(0, -tokens / budgetRate);
    },
  };

  const states = truths.map(({ pair }) => policy.init(Object.freeze(pair), fleet));
  const seen = new Int32Array(truths.length);
  const lastOk = new Float64Array(truths.length).fill(-1);
  const delays = new Delays(truths.length);
  const byLimiter = new Map(truths.map(({ limiter }) => [limiter, { until: startS, left: 0 }]));
  const windows = truths.map(({ limiter }) => byLimiter.get(limiter)!);
  const due = new DueQueue(truths.length);
  truths.forEach(({ pair }, id) => {
    due.push(startS + (policy.phase?.(states[id] as State, fleet) ?? random() * pair.baseInterval), id);
  });

  let [polls, empty, rateLimited, spent] = [0, 0, 0, 0];
  const granted = new Uint8Array(truths.length);
  const scheduledAt = new Float64Array(truths.length);
  for (let id = due.pop(); id !== undefined && due.at < endS; id = due.pop()) {
    now = due.at;
    const truth = truths[id]!;
    const { pair } = truth;
    const state = states[id] as State;
    if (granted[id] === 0) {
      scheduledAt[id] = now;
      const waitS = policy.admit?.(state, now, fleet) ?? 0;
      if (waitS > 0) {
        due.push(now + waitS, id);
        continue;
      }
      refill();
      tokens -= pair.cost;
      if (tokens < 0) {
        granted[id] = 1;
        due.push(now - tokens / budgetRate, id);
        continue;
      }
    }
    granted[id] = 0;

    const connector = connectors[truth.connector]!;
    const window = windows[id]!;
    if (window.until <= now) {
      window.until = now + 60;
      window.left = connector.requestsPerMinute;
    }
    const refused = window.left < pair.cost;
    const requests = refused ? 1 : pair.cost;
    tokens += pair.cost - requests;
    if (!refused) window.left -= pair.cost;
    const failed = !refused && random() < ERROR_SHARE;
    const startedAt = now;
    now += 0.2 + 0.2 * requests;
    const counts = startedAt >= countsFromS;
    if (counts) {
      polls += 1;
      spent += requests;
      if (refused) rateLimited += 1;
    }

    let changed = 0;
    if (!refused && !failed) {
      const { changes } = truth;
      let at = seen[id] as number;
      for (; at < changes.length && (changes[at] as number) <= startedAt; at += 1) {
        const happened = changes[at] as number;
        if (happened >= countsFromS) delays.add(id, now - happened);
        // Each change hits a random record, and a record that changed twice is seen once.
        if (random() * pair.records >= changed) changed += 1;
      }
      seen[id] = at;
      if (counts && changed === 0) empty += 1;
    }
    const before = lastOk[id] as number;
    const observation: Observation = {
      now,
      scheduledAt: scheduledAt[id] as number,
      startedAt,
      kind: refused ? "rate_limited" : failed ? "error" : "ok",
      changed: before < 0 ? 0 : changed,
      total: pair.records,
      elapsed: before < 0 ? null : startedAt - before,
      retryAfter: refused ? window.until - startedAt : null,
      rateLimit: connector.sendsHeaders
        ? { limit: connector.requestsPerMinute, remaining: window.left, reset: window.until - startedAt }
        : null,
      requests,
      first: before < 0,
    };
    if (observation.kind === "ok") lastOk[id] = startedAt;
    const waitS = policy.next(state, observation, fleet);
    const clamped =
      observation.kind === "ok"
        ? Math.min(pair.maxInterval, Math.max(pair.minInterval, waitS))
        : Math.max(1, waitS);
    due.push(startedAt + clamped, id);
    now = startedAt;
  }

  truths.forEach(({ changes }, id) => {
    for (let at = seen[id] as number; at < changes.length; at += 1) {
      if ((changes[at] as number) >= countsFromS) delays.add(id, endS - (changes[at] as number));
    }
  });
  return {
    ...delays.summary(),
    polls,
    emptyShare: empty / Math.max(1, polls),
    rateLimited,
    budgetUse: spent / (budgetRate * (endS - countsFromS)),
  };
}

const BINS_PER_DOUBLING = 48;

class Delays {
  private readonly bins = new Float64Array(25 * BINS_PER_DOUBLING);
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;

  constructor(pairs: number) {
    this.sums = new Float64Array(pairs);
    this.counts = new Float64Array(pairs);
  }

  add(pair: number, delayS: number): void {
    const bin = Math.max(
      0,
      Math.min(this.bins.length - 1, Math.floor(Math.log2(delayS) * BINS_PER_DOUBLING)),
    );
    this.bins[bin]! += 1;
    this.sums[pair]! += delayS;
    this.counts[pair]! += 1;
  }

  summary() {
    const changes = this.counts.reduce((sum, count) => sum + count, 0);
    const means = [...this.sums.keys()]
      .filter((pair) => (this.counts[pair] as number) > 0)
      .map((pair) => (this.sums[pair] as number) / (this.counts[pair] as number))
      .sort((left, right) => left - right);
    return {
      meanS: this.sums.reduce((sum, one) => sum + one, 0) / changes,
      p50S: this.percentile(changes * 0.5),
      p95S: this.percentile(changes * 0.95),
      p99S: this.percentile(changes * 0.99),
      pairMeanS: means.reduce((sum, mean) => sum + mean, 0) / means.length,
      pairP95S: means[Math.floor(means.length * 0.95)] ?? 0,
      changes,
    };
  }

  private percentile(rank: number): number {
    let bin = 0;
    for (let count = 0; bin < this.bins.length; bin += 1) {
      count += this.bins[bin] as number;
      if (count >= rank) break;
    }
    return 2 ** ((bin + 0.5) / BINS_PER_DOUBLING);
  }
}

/** A binary heap of pairs by due time. */
class DueQueue {
  /** The due time of the pair popped last. */
  at = 0;
  private readonly ids: Int32Array;
  private readonly times: Float64Array;
  private size = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity + 1);
    this.times = new Float64Array(capacity + 1);
  }

  push(time: number, id: number): void {
    let index = this.size;
    this.size += 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.times[parent] as number) <= time) break;
      this.move(parent, index);
      index = parent;
    }
    this.times[index] = time;
    this.ids[index] = id;
  }

  pop(): number | undefined {
    if (this.size === 0) return undefined;
    const id = this.ids[0] as number;
    this.at = this.times[0] as number;
    this.size -= 1;
    const time = this.times[this.size] as number;
    const last = this.ids[this.size] as number;
    let index = 0;
    for (let child = 1; child < this.size; child = 2 * index + 1) {
      if (child + 1 < this.size && (this.times[child + 1] as number) < (this.times[child] as number))
        child += 1;
      if ((this.times[child] as number) >= time) break;
      this.move(child, index);
      index = child;
    }
    this.times[index] = time;
    this.ids[index] = last;
    return id;
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from] as number;
    this.ids[to] = this.ids[from] as number;
  }
}
