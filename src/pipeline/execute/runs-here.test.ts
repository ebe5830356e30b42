import { expect, test } from "vitest";
import { createRunsHere } from "./runs-here.ts";

const CLAIMED = { runs: [], flowsCounter: 1, breakersCounter: 1 };

function runsHere(carryOut: () => Promise<void> = async () => {}) {
  const state = { hasJobs: false, underWay: 0 };
  const errors: unknown[] = [];
  const runs = createRunsHere({
    carryOut,
    hasJobs: () => state.hasJobs,
    underWay: () => state.underWay,
    limits: { maxRunsHere: 10, leaseMs: 15_000 },
    onError: (error) => errors.push(error),
  });
  return { runs, state, errors };
}

test("there is room for what the bound leaves, and none while jobs are in hand: others may wait behind them", () => {
  const { runs, state } = runsHere();
  expect(runs.room()).toBe(10);
  state.underWay = 4;
  expect(runs.room()).toBe(6);
  state.underWay = 12;
  expect(runs.room()).toBe(0);
  state.underWay = 0;
  state.hasJobs = true;
  expect(runs.room()).toBe(0);
});

test("it is empty when all that began has ended, also what failed", async () => {
  const ends: ((error?: Error) => void)[] = [];
  const { runs, errors } = runsHere(
    () =>
      new Promise((resolve, reject) =>
        ends.push((error) => (error === undefined ? resolve() : reject(error))),
      ),
  );
  runs.begin(CLAIMED);
  runs.begin(CLAIMED);
  let isEmpty = false;
  const emptied = runs.emptied().then(() => {
    isEmpty = true;
  });
  const lost = new Error("PostgreSQL is away");
  ends[0]?.(lost);
  await new Promise(setImmediate);
  expect([isEmpty, errors]).toEqual([false, [lost]]);
  ends[1]?.();
  await emptied;
});
