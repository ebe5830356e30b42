import { describe, expect, test } from "vitest";
import type { BulkOutcomes, StoredBulk } from "../postgres/dead-letters/bulk-replay.ts";
import { type BulkPace, paceBulk } from "./pace-bulk.ts";

const PACE: BulkPace = {
  canary: 5,
  maxFailures: 0.5,
  minOutcomes: 20,
  recentOutcomes: 100,
  firstPerSecond: 10,
  doubleMs: 2_000,
  maxInFlight: 250,
  batchSize: 100,
  stepMs: 100,
};

const OUT: BulkOutcomes = { succeeded: 0, failed: 0, inFlight: 0, failing: 0 };

function bulk(over: Partial<StoredBulk> = {}): StoredBulk {
  return {
    id: "",
    tenantId: "acme",
    filter: {},
    ratePerSecond: 1_000,
    state: "running",
    reason: undefined,
    count: 1_000,
    started: 50,
    succeeded: 0,
    failed: 0,
    recent: { ended: 0, failed: 0 },
    lastId: "",
    untilId: "",
    exhausted: false,
    createdAt: new Date(0),
    rampedMs: 60_000,
    finishedAt: undefined,
    ...over,
  };
}

describe("a bulk replay", () => {
  test("a bulk replay starts with its canary and waits for the outcomes", () => {
    const canary = bulk({ state: "canary", started: 0, rampedMs: undefined });
    expect(paceBulk(canary, OUT, PACE)).toMatchObject({ state: "canary", take: 5 });
    const sent = { ...canary, started: 5 };
    expect(paceBulk(sent, { ...OUT, succeeded: 4, inFlight: 1 }, PACE)).toMatchObject({
      state: "canary",
      take: 0,
      succeeded: 4,
    });
    expect(paceBulk(sent, { ...OUT, succeeded: 5 }, PACE)).toMatchObject({ state: "running", take: 1 });
  });

  test("a bulk replay aborts when most of its canary failed or is being retried", () => {
    const sent = bulk({ state: "canary", started: 5 });
    for (const outcomes of [
      { ...OUT, failed: 3, succeeded: 2 },
      { ...OUT, inFlight: 5, failing: 5 },
    ]) {
      const step = paceBulk(sent, outcomes, PACE);
      expect([step.state, step.take]).toEqual(["aborted", 0]);
      expect(step.reason).toMatch(/^\d of the last 5 replays failed$/);
    }
    expect(paceBulk(sent, { ...OUT, failed: 2, succeeded: 3 }, PACE).state).toBe("running");
  });

  test("a bulk replay ramps up to the requested rate and not beyond", () => {
    const perSecond = (rampedMs: number, ratePerSecond: number) => {
      const { take, waitMs } = paceBulk(bulk({ rampedMs, ratePerSecond }), OUT, PACE);
      return Math.round((take * 1_000) / waitMs);
    };
    expect([0, 2_000, 4_000, 60_000].map((ms) => perSecond(ms, 1_000))).toEqual([10, 20, 40, 1_000]);
    expect([0, 60_000].map((ms) => perSecond(ms, 3))).toEqual([3, 3]);
  });

  test("a bulk replay bounds its runs in flight, not counting those that wait for a retry", () => {
    expect(paceBulk(bulk(), { ...OUT, inFlight: 245 }, PACE).take).toBe(5);
    expect(paceBulk(bulk(), { ...OUT, inFlight: 250 }, PACE).take).toBe(0);
    const failing = bulk({ recent: { ended: 100, failed: 0 } });
    expect(paceBulk(failing, { ...OUT, inFlight: 260, failing: 50 }, PACE).take).toBe(40);
  });

  test("a bulk replay aborts when its target fails late, whatever succeeded before", () => {
    let late = bulk({ succeeded: 90_000, recent: { ended: 100, failed: 0 } });
    let outcomes = 0;
    for (; late.state === "running"; outcomes += 10) {
      const { state, recent } = paceBulk(late, { ...OUT, failed: 10 }, PACE);
      late = { ...late, state, recent };
    }
    expect(late.state).toBe("aborted");
    expect(outcomes).toBeLessThan(100);
  });

  test("a stopped bulk replay counts late outcomes and starts no replays", () => {
    const stopped = bulk({ state: "stopped" });
    expect(paceBulk(stopped, { ...OUT, succeeded: 2, failed: 1 }, PACE)).toMatchObject({
      state: "stopped",
      take: 0,
      succeeded: 2,
      failed: 1,
    });
  });

  test("a bulk replay without remaining dead letters is not aborted", () => {
    expect(paceBulk(bulk({ exhausted: true }), { ...OUT, failed: 40 }, PACE)).toMatchObject({
      state: "running",
      take: 0,
    });
  });
});
