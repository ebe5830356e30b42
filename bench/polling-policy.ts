import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import adaptivePolicy from "../src/synthetic/policy/policy.ts";
import { fixed, fluidBound, halving, oracle } from "./polling-baselines.ts";
import { makePopulation } from "./polling-population.ts";
import { type Outcome, simulate } from "./polling-simulator.ts";
import type { Row } from "./servers.ts";

const SEEDS = [1, 2, 3];
const WORKERS = 2;
const PAIRS = 2_000;
const DAYS = 11;
/** The first week is for learning; Thursday to Sunday count. */
const WARM_UP_S = 7 * 86_400;
/** Requests per second for all pairs together. At 8 a sweep over them takes eight minutes. */
const BUDGETS = [
  { requestsPerSecond: 8, worstMean: 1.5, worstP95: 1.7 },
  { requestsPerSecond: 2, worstMean: 1.8, worstP95: 1.7 },
];

interface Trial {
  requestsPerSecond: number;
  boundS: number;
  adaptive: Outcome;
  oracle: Outcome;
  fixed: Outcome;
  halving: Outcome;
}

/** Compares the poll policy with an oracle that knows all rates, a fixed interval, and halving. The worst seed counts. */
export async function benchPollPolicy(): Promise<Row[]> {
  const waiting = [...SEEDS];
  const trials: Trial[] = [];
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        trials.push(...(await inWorker(seed)));
      }
    }),
  );
  return BUDGETS.flatMap(({ requestsPerSecond, worstMean, worstP95 }) => {
    const of = trials.filter((trial) => trial.requestsPerSecond === requestsPerSecond);
    const at = `at ${requestsPerSecond} req/s`;
    const most = (ratio: (trial: Trial) => number) => Math.max(...of.map(ratio));
    const least = (ratio: (trial: Trial) => number) => Math.min(...of.map(ratio));
    const refusals = (outcome: (trial: Trial) => Outcome) =>
      of.reduce((sum, trial) => sum + outcome(trial).rateLimited, 0);
    return [
      row(
        `detection delay ${at}, mean`,
        most(({ adaptive }) => adaptive.meanS),
        "s",
      ),
      row(
        `  against the oracle`,
        most((one) => one.adaptive.meanS / one.oracle.meanS),
        "x",
        { atMost: worstMean },
      ),
      row(
        `  p95, against the oracle`,
        most((one) => one.adaptive.p95S / one.oracle.p95S),
        "x",
        { atMost: worstP95 },
      ),
      row(
        `  oracle, against the fluid bound`,
        most((one) => one.oracle.meanS / one.boundS),
        "x",
      ),
      row(
        `  fixed interval, against the policy`,
        least((one) => one.fixed.meanS / one.adaptive.meanS),
        "x",
        { atLeast: 3 },
      ),
      row(
        `  halving, against the policy`,
        least((one) => one.halving.meanS / one.adaptive.meanS),
        "x",
      ),
      row(
        `  429 responses, against the oracle`,
        (refusals((one) => one.adaptive) + 10) / (refusals((one) => one.oracle) + 10),
        "x",
        { atMost: 1.5 },
      ),
      row(
        `  budget used`,
        most(({ adaptive }) => adaptive.budgetUse),
        "of 1",
        { atMost: 1.001 },
      ),
      row(
        `  polls without a change`,
        most(({ adaptive }) => adaptive.emptyShare),
        "of 1",
      ),
      row(
        `  pair mean delay, 95th percentile`,
        most(({ adaptive }) => adaptive.pairP95S),
        "s",
        { atMost: 21_600 },
      ),
    ];
  });
}

function row(name: string, value: number, unit: string, bar?: Row["bar"]): Row {
  const rounded = Math.round(value * 100) / 100;
  return bar === undefined ? { name, value: rounded, unit } : { name, value: rounded, unit, bar };
}

function inWorker(seed: number): Promise<Trial[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { pollPolicySeed: seed } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function trialsOf(seed: number): Trial[] {
  const population = makePopulation({ seed, pairs: PAIRS, days: DAYS });
  return BUDGETS.map(({ requestsPerSecond }) => {
    const run = (policy: Parameters<typeof simulate>[1]) =>
      simulate(population, policy, { seed, requestsPerSecond, warmUpS: WARM_UP_S });
    return {
      requestsPerSecond,
      boundS: fluidBound(population, requestsPerSecond, WARM_UP_S),
      adaptive: run(adaptivePolicy()),
      oracle: run(oracle(population, requestsPerSecond)),
      fixed: run(fixed(population, requestsPerSecond)),
      halving: run(halving("halving, at most 4 x base", (baseS) => 4 * baseS)),
    };
  });
}

if (!isMainThread && typeof workerData?.pollPolicySeed === "number") {
  parentPort?.postMessage(trialsOf(workerData.pollPolicySeed));
}
