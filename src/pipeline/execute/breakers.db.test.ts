import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { until } from "../../../test/support/until.ts";
import { readCounter } from "../../postgres/core/change-counters.ts";
import type { Database } from "../../postgres/core/database.ts";
import { type BreakerBounds, createBreakers, type TargetResult } from "./breakers.ts";

const TARGET = { tenantId: "acme", target: "https://shop.example" };
const BOUNDS: BreakerBounds = {
  failures: 4,
  timeouts: 2,
  failingMs: 0,
  openMs: 300,
  maxOpenMs: 1_000,
  maxRetryAfterMs: 60_000,
  probeMs: 600,
  watchedMs: 60_000,
  maxWatched: 100,
  unknownMs: 50,
  heldPerSecond: 50,
};
const REACHED: TargetResult = { kind: "reached" };
const FAILED: TargetResult = {
  kind: "failed",
  error: "The target answered 503",
  isTimeout: false,
  retryAfterMs: undefined,
};
const TIMED_OUT: TargetResult = { ...FAILED, isTimeout: true };

/** Creates the breakers of one process. */
function worker(database: Database, over: Partial<BreakerBounds> = {}) {
  const seen = { opened: 0, closed: 0 };
  const breakers = createBreakers({
    database: database.pipeline,
    bounds: { ...BOUNDS, ...over },
    monotonicMs: () => performance.now(),
    random: () => 0,
    onOpened() {
      seen.opened += 1;
    },
    onClosed() {
      seen.closed += 1;
    },
    onError(error) {
      throw error;
    },
  });
  return {
    seen,
    report: (result: TargetResult, { target = TARGET, tookMs = 10 } = {}) =>
      breakers.report(target, result, tookMs),
    /** Prepares with the current counter, as a claim does, and checks. */
    async check(target = TARGET) {
      await breakers.prepare(await readCounter(database.pipeline, "breakers"));
      return await breakers.check(target);
    },
  };
}

describe("createBreakers", () => {
  test("a breaker opens after a series of failures over several processes, for all of them", async () => {
    const { database } = await migratedDatabase();
    const [one, two] = [worker(database), worker(database)];
    for (let n = 0; n < 3; n += 1) await (n % 2 === 0 ? one : two).report(FAILED);
    expect([await one.check(), await two.check()]).toEqual([undefined, undefined]);
    await two.report(FAILED);
    for (const each of [one, two]) {
      const held = await each.check();
      expect(held).toMatchObject({ kind: "held", reason: "circuit_open https://shop.example" });
      expect(held?.delayMs).toBeLessThanOrEqual(400);
    }
    expect([one.seen, two.seen]).toEqual([
      { opened: 0, closed: 0 },
      { opened: 1, closed: 0 },
    ]);
    expect(await one.check({ ...TARGET, tenantId: "other" })).toBeUndefined();
  });

  test("a breaker stays closed when any process reached the target between the failures", async () => {
    const { database } = await migratedDatabase();
    const [one, two] = [worker(database), worker(database)];
    for (let round = 0; round < 5; round += 1) {
      for (let n = 0; n < 3; n += 1) await one.report(FAILED);
      await two.check();
      await two.report(REACHED);
    }
    expect(await one.check()).toBeUndefined();
  });

  test("a breaker stays closed while its failures span less than `failingMs`", async () => {
    const { database } = await migratedDatabase();
    const one = worker(database, { failingMs: 60_000 });
    for (let n = 0; n < 20; n += 1) await one.report(FAILED);
    expect(await one.check()).toBeUndefined();
  });

  test("a breaker opens after fewer time-outs than other failures, with failures in between", async () => {
    const { database } = await migratedDatabase();
    const [one, two] = [worker(database), worker(database)];
    await one.report(TIMED_OUT);
    await two.check();
    await two.report(REACHED);
    await one.report(TIMED_OUT);
    await one.report(FAILED);
    expect(await two.check()).toBeUndefined();
    await two.report(TIMED_OUT);
    expect(await one.check()).toMatchObject({ kind: "held", reason: "circuit_open https://shop.example" });
  });

  test("a breaker counts from the start of the first failed call, so that calls that hung open it at once", async () => {
    const { database } = await migratedDatabase();
    const one = worker(database, { failingMs: 8_000 });
    await one.report(TIMED_OUT, { tookMs: 1_000 });
    await one.report(TIMED_OUT, { tookMs: 10_000 });
    expect(await one.check()).toBeUndefined();
    const hung = { target: { ...TARGET, target: "https://hung.example" }, tookMs: 10_000 };
    await Promise.all([one.report(TIMED_OUT, hung), one.report(TIMED_OUT, hung)]);
    expect(await one.check(hung.target)).toMatchObject({ reason: "circuit_open https://hung.example" });
  });

  test("an open breaker lets one run probe, stays open longer if that fails, and closes for all if it succeeds", async () => {
    const { database } = await migratedDatabase();
    const [one, two] = [worker(database), worker(database)];
    for (let n = 0; n < 4; n += 1) await one.report(FAILED);
    const probing = async () =>
      (await Promise.all([one.check(), two.check(), one.check(), two.check()])).filter(
        (held) => held === undefined,
      ).length;
    let probes = 0;
    const probe = async () => {
      probes = 0;
      await until(
        "one may probe",
        async () => {
          probes += await probing();
          return probes > 0;
        },
        { everyMs: 20 },
      );
      return probes;
    };
    expect(await probe()).toBe(1);
    await one.report(FAILED);
    expect((await two.check())?.delayMs).toBeGreaterThan(450);
    expect(await probe()).toBe(1);
    await two.report(REACHED);
    expect([await one.check(), await two.check()]).toEqual([undefined, undefined]);
    expect(one.seen.closed + two.seen.closed).toBe(1);
    const [row] = await database.pipeline.query({ text: "SELECT * FROM circuit_breakers" });
    expect(row).toMatchObject({ state: "closed", failures: 0, opened: 0, probe_at: null });
    expect(row?.["closed_at"]).toBeInstanceOf(Date);
  });

  test("an open breaker lets another run probe when the first probe is lost", async () => {
    const { database } = await migratedDatabase();
    const [one, two] = [worker(database, { openMs: 0 }), worker(database, { openMs: 0 })];
    for (let n = 0; n < 4; n += 1) await one.report(FAILED);
    await until("one probes", async () => (await one.check()) === undefined);
    expect(await two.check()).toMatchObject({ kind: "held" });
    await until("the other one probes", async () => (await two.check()) === undefined);
  });

  test("an open breaker spreads the times at which its held runs come due", async () => {
    const { database } = await migratedDatabase();
    const one = worker(database, { openMs: 60_000, maxOpenMs: 60_000 });
    for (let n = 0; n < 4; n += 1) await one.report(FAILED);
    const delays: number[] = [];
    for (let n = 0; n < 101; n += 1) delays.push((await one.check())?.delayMs ?? 0);
    expect((delays.at(-1) ?? 0) - (delays[0] ?? 0)).toBeGreaterThan(1_000);
  });

  test("an open breaker does not probe before the target's Retry-After has passed", async () => {
    const { database } = await migratedDatabase();
    const one = worker(database);
    for (let n = 0; n < 3; n += 1) await one.report(FAILED);
    await one.report({ ...FAILED, retryAfterMs: 20_000 });
    expect((await one.check())?.delayMs).toBeGreaterThan(19_000);
  });
});
