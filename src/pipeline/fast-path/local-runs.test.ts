import { describe, expect, test } from "vitest";
import type { ClaimedRun } from "../../postgres/runs/runs.ts";
import type { PlannedRun } from "./fast-path.ts";
import { createLocalRuns } from "./local-runs.ts";

function runs(tenantId: string, count: number): ClaimedRun[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `${tenantId}-${n}`,
    tenantId,
    lane: 2 as const,
    flowId: "f",
    flowVersion: 1,
    eventId: `e${n}`,
    replaySeq: 0,
    fence: 1,
    attempts: 0,
  }));
}

function claimed(runs: ClaimedRun[]) {
  return { runs, flowsCounter: 1, breakersCounter: 1 };
}

/** Local runs with capacity for `size`, and an executor with the given number of slots. */
function localRuns({ size = 8, slots = Number.POSITIVE_INFINITY } = {}) {
  const state = { hasJobs: false, reserved: 0, free: size };
  const errors: unknown[] = [];
  const ends: { one: (run: PlannedRun) => void; all: (error?: Error) => void }[] = [];
  const local = createLocalRuns({
    pool: {
      take(_tenantId, want) {
        if (state.free < want) return 0;
        state.free -= want;
        return want;
      },
      release(_tenantId, count) {
        state.free += count;
      },
    },
    leaseMs: 15_000,
    onError: (error) => errors.push(error),
  });
  const serve = () =>
    local.serve({
      hasJobs: () => state.hasJobs,
      reserve() {
        if (state.reserved >= slots) return false;
        state.reserved += 1;
        return true;
      },
      cancel() {
        state.reserved -= 1;
      },
      start: (_claimed, one) =>
        new Promise((resolve, reject) =>
          ends.push({ one, all: (error) => (error === undefined ? resolve() : reject(error)) }),
        ),
    });
  return { local, serve, state, errors, ends };
}

describe("createLocalRuns", () => {
  test("has no capacity for local runs before an executor serves them", () => {
    const { local, serve, state } = localRuns();
    expect(local.capacity(runs("a", 1)).runIds.size).toBe(0);
    expect(state.free).toBe(8);
    serve();
    expect(local.capacity(runs("a", 1)).runIds.size).toBe(1);
  });

  test("reserves capacity for local runs within the pool and the executor's slots", () => {
    const { local, serve, state, ends } = localRuns({ size: 4 });
    serve();
    const a = runs("a", 6);
    const first = local.capacity(a);
    expect([first.runIds.size, first.leaseMs]).toEqual([4, 15_000]);
    first.start(claimed(a.slice(0, 4)));
    expect(local.capacity(a).runIds.size).toBe(0);
    // Each run releases its capacity when it ends, not when its batch does.
    for (const run of a.slice(0, 2)) ends[0]?.one(run);
    const second = local.capacity(a);
    expect(second.runIds.size).toBe(2);
    second.cancel();
    expect(state.free).toBe(2);
    const few = localRuns({ slots: 1 });
    few.serve();
    expect(few.local.capacity(a).runIds.size).toBe(1);
    expect(few.state.free).toBe(7);
  });

  test("has no capacity for local runs while the process works on jobs", () => {
    const { local, serve, state } = localRuns();
    serve();
    state.hasJobs = true;
    expect(local.capacity(runs("a", 6)).runIds.size).toBe(0);
  });

  test("releases capacity and slots of local runs that were not claimed", () => {
    const { local, serve, state } = localRuns();
    serve();
    const a = runs("a", 4);
    local.capacity(a).start(claimed(a.slice(0, 1)));
    expect([state.reserved, state.free]).toEqual([1, 7]);
    local.capacity(a).cancel();
    expect([state.reserved, state.free]).toEqual([1, 7]);
  });

  test("is drained when all local runs have ended, also those that failed to start", async () => {
    const { local, serve, errors, ends } = localRuns();
    serve();
    const a = runs("a", 2);
    for (const run of a) local.capacity([run]).start(claimed([run]));
    let isDrained = false;
    const drained = local.drained().then(() => {
      isDrained = true;
    });
    const lost = new Error("PostgreSQL is away");
    ends[0]?.all(lost);
    await new Promise(setImmediate);
    expect([isDrained, errors]).toEqual([false, [lost]]);
    ends[1]?.all();
    await drained;
  });
});
