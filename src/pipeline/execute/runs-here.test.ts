import { expect, test } from "vitest";
import type { ClaimedRun } from "../../postgres/runs/runs.ts";
import { createRunsHere } from "./runs-here.ts";
import type { SlotUser } from "./slots/admission.ts";

function runs(tenantId: string, count: number): ClaimedRun[] {
  return Array.from({ length: count }, (_, n) => ({
    ...{ id: `${tenantId}-${n}`, tenantId, lane: 2 as const, flowId: "f", flowVersion: 1, eventId: `e${n}` },
    ...{ replaySeq: 0, fence: 1, attempts: 0 },
  }));
}

function claimed(runs: ClaimedRun[]) {
  return { runs, flowsCounter: 1, breakersCounter: 1 };
}

/** With room for eight, and slots for as many as the test says. */
function runsHere(slots = Number.POSITIVE_INFINITY) {
  const state = { hasJobs: false, reserved: 0 };
  const errors: unknown[] = [];
  const ends: { one: (run: SlotUser) => void; all: (error?: Error) => void }[] = [];
  const here = createRunsHere({
    admission: {
      reserve() {
        if (state.reserved >= slots) return false;
        state.reserved += 1;
        return true;
      },
      cancel() {
        state.reserved -= 1;
      },
      begin: (_claimed, one) =>
        new Promise((resolve, reject) =>
          ends.push({ one, all: (error) => (error === undefined ? resolve() : reject(error)) }),
        ),
    },
    hasJobs: () => state.hasJobs,
    bounds: { maxRunsHere: 8, leaseMs: 15_000 },
    onError: (error) => errors.push(error),
  });
  return { here, state, errors, ends };
}

test("a process takes the runs that it makes while it has room and slots, half of its room for one tenant", () => {
  const { here, ends } = runsHere();
  const [a, b] = [runs("a", 6), runs("b", 6)];
  const first = here.reserve(a);
  expect(first.runIds.size).toBe(4);
  first.begin(claimed(a.slice(0, 4)));
  expect(here.reserve(a).runIds.size).toBe(0);
  const second = here.reserve(b);
  expect(second.runIds.size).toBe(2);
  second.cancel();
  // Each run gives its room back when it ends, not when its batch does.
  for (const run of a.slice(0, 4)) ends[0]?.one(run);
  expect(here.reserve(a).runIds.size).toBe(4);
  expect(runsHere(1).here.reserve(b).runIds.size).toBe(1);
});

test("a process takes no runs that it makes while it has jobs in hand: others may wait behind them", () => {
  const { here, state } = runsHere();
  state.hasJobs = true;
  expect(here.reserve(runs("a", 6)).runIds.size).toBe(0);
});

test("room and slots of runs that were not claimed are given back", () => {
  const { here, state } = runsHere();
  const a = runs("a", 4);
  here.reserve(a).begin(claimed(a.slice(0, 1)));
  expect(state.reserved).toBe(1);
  here.reserve(a).cancel();
  expect(state.reserved).toBe(1);
});

test("runs here are empty when all that began has ended, also what failed", async () => {
  const { here, errors, ends } = runsHere();
  const a = runs("a", 2);
  for (const run of a) here.reserve([run]).begin(claimed([run]));
  let isEmpty = false;
  const emptied = here.emptied().then(() => {
    isEmpty = true;
  });
  const lost = new Error("PostgreSQL is away");
  ends[0]?.all(lost);
  await new Promise(setImmediate);
  expect([isEmpty, errors]).toEqual([false, [lost]]);
  ends[1]?.all();
  await emptied;
});
