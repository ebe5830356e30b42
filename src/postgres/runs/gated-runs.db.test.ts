import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted, deployed } from "../../../test/support/flow.ts";
import { until } from "../../../test/support/until.ts";
import type { FlowDefinition } from "../../domain/flow/flow.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Database } from "../core/database.ts";
import { routeEvents } from "../events/routing.ts";
import { cancelRun } from "./cancel.ts";
import { claimGatedRuns, wakeGatedRuns } from "./gated-runs.ts";
import { replayRun } from "./replay.ts";
import { type ClaimedRun, dueRunIds, type FinishedAttempt, finishRuns, queueRuns } from "./runs.ts";

const BOUNDS = { leaseMs: 60_000, holdMs: 15_000 };

type Limits = Pick<FlowDefinition, "concurrency" | "rate_limit" | "order_by" | "on_order_failure">;

/** Events of one key each, accepted in this order and not routed yet. */
async function events(database: Database, limits: Limits, keys: readonly string[]): Promise<string[]> {
  await deployed(database, "acme", "f", limits);
  // A batch is accepted in the order of its ids.
  return (
    await accepted(
      database,
      "acme",
      keys.map((key, n) => ({ key, n })),
    )
  ).sort();
}

/** Routes events to the flow f; answers the runs' ids in the order of the events. */
async function routed(
  database: Database,
  limits: Limits,
  eventIds: readonly string[],
  keyOf: (n: number) => unknown,
): Promise<string[]> {
  const runs = eventIds.map((eventId, n) => ({
    id: runId({ eventId, flowId: "f", replaySeq: 0 }),
    tenantId: "acme",
    flowId: "f",
    flowVersion: 1,
    eventId,
    lane: 2 as const,
    gate: gate(limits, { key: keyOf(n) }),
  }));
  const verdicts = eventIds.map((eventId) => ({ eventId, tenantId: "acme", status: "routed" as const }));
  await routeEvents(database.pipeline, { verdicts, runs, deadLetters: [] }, { queuedLeaseMs: 60_000 });
  return runs.map((run) => run.id);
}

function gate(limits: Limits, data: unknown): string | undefined {
  const definition = { ...limits, trigger: {}, action: { type: "code" as const, handler: "f" } };
  return gateOf(definition as FlowDefinition, { data, headers: {} } as Parameters<typeof gateOf>[1]);
}

async function queuedRuns(database: Database, limits: Limits, keys: readonly string[]): Promise<string[]> {
  return await routed(database, limits, await events(database, limits, keys), (n) => keys[n]);
}

async function claim(database: Database, ids: readonly string[]): Promise<ClaimedRun[]> {
  const { runs } = await claimGatedRuns(database.pipeline, ids, BOUNDS);
  return runs.sort((left, right) => (left.eventId < right.eventId ? -1 : 1));
}

async function finish(
  database: Database,
  run: ClaimedRun | undefined,
  state: FinishedAttempt["state"] = "succeeded",
): Promise<string[]> {
  if (run === undefined) throw new Error("no such run");
  const attempt = {
    id: run.id,
    fence: run.fence,
    eventId: run.eventId,
    replaySeq: run.replaySeq,
    state,
    retryDelayMs: 0,
    durationMs: 1,
    responseStatus: undefined,
    errorCode: "E",
    errorMessage: "no",
    errorContext: {},
    fingerprint: "f",
  };
  expect((await finishRuns(database.pipeline, [attempt])).size).toBe(1);
  const { tenantId, flowId, gate = "" } = run;
  const freed = [{ tenantId, flowId, gate, ended: state !== "failed" }];
  return (await wakeGatedRuns(database.pipeline, freed, 60_000)).map((woken) => woken.id);
}

async function heldReasons(database: Database): Promise<Record<string, number>> {
  const rows = await database.pipeline.query<{ held_reason: string; n: number }>({
    text: `SELECT held_reason, count(*)::int AS n FROM runs
      WHERE state = 'queued' AND held_reason IS NOT NULL AND visible_at > now() AND attempts = 0 GROUP BY 1`,
  });
  return Object.fromEntries(rows.map((row) => [row.held_reason, row.n]));
}

describe("a flow's concurrency", () => {
  test("concurrent claims never exceed a flow's concurrency, and hold the other runs without an attempt", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { concurrency: 3 }, Array(40).fill("k"));
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, n) => claim(database, ids.slice(n * 5, n * 5 + 5))),
    );
    expect(claims.flat()).toHaveLength(3);
    expect(await heldReasons(database)).toEqual({ concurrency: 37 });
  });

  test("the run held longest goes first when another run of the flow ends", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { concurrency: 2 }, Array(6).fill("k"));
    const [first] = await claim(database, ids.slice(0, 5));
    const woken = await finish(database, first);
    expect(woken).toHaveLength(1);
    // A newcomer's job starts the one that waited, and the newcomer is held.
    expect(await claim(database, ids.slice(5))).toMatchObject([{ gate: "" }]);
    expect(await heldReasons(database)).toEqual({ concurrency: 3 });
    expect(await claim(database, woken)).toEqual([]);
  });

  test("the concurrency of the deployed version applies to runs that are queued already", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { concurrency: 1 }, Array(5).fill("k"));
    expect(await claim(database, ids)).toHaveLength(1);
    await deployed(database, "acme", "f", { concurrency: 4 });
    expect(await claim(database, ids.slice(1))).toHaveLength(3);
    await deployed(database, "acme", "f", {});
    expect(await claim(database, ids.slice(4))).toHaveLength(1);
  });
});

describe("a flow's rate", () => {
  test("a flow's rate limit admits runs in order, and no more in any second", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { rate_limit: { per_second: 20 } }, Array(50).fill("k"));
    const started: { atMs: number; eventId: string }[] = [];
    const take = async (some: string[]) => {
      const atMs = performance.now();
      for (const run of await claim(database, some)) started.push({ atMs, eventId: run.eventId });
    };
    await take(ids);
    expect(started).toHaveLength(20);
    await until(
      "all were admitted",
      async () => {
        const due = await dueRunIds(database.pipeline, [1, 2, 3, 4], 100);
        const queued = due.length === 0 ? [] : await queueRuns(database.pipeline, due, 60_000);
        if (queued.length > 0) await take(queued.map((run) => run.id));
        return started.length === 50;
      },
      { everyMs: 5 },
    );
    const tookMs = (started.at(-1)?.atMs ?? 0) - (started[0]?.atMs ?? 0);
    expect(tookMs).toBeGreaterThan(1_000);
    expect(tookMs).toBeLessThan(4_000);
    // Between the first and the twenty-first of any there is a second, but for what the way to here took.
    for (const [n, { atMs }] of started.slice(20).entries())
      expect(atMs - (started[n]?.atMs ?? 0)).toBeGreaterThan(1_000);
    expect(started.map((run) => run.eventId)).toEqual(started.map((run) => run.eventId).sort());
  });
});

describe("the order of a key", () => {
  test("order_by runs one run of a key at a time, in the order of events", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { order_by: "key" }, ["a", "b", "a", "a", "b"]);
    expect(await claim(database, ids.slice(2))).toEqual([]);
    const [a, b] = await claim(database, ids.slice(0, 2));
    expect([a?.id, b?.id]).toEqual(ids.slice(0, 2));
    expect(await heldReasons(database)).toEqual({ order: 3 });
    expect(await finish(database, a)).toEqual([ids[2]]);
    expect((await claim(database, ids.slice(2))).map((run) => run.id)).toEqual([ids[2]]);
  });

  test("order_by holds a key while its run waits for a retry", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { order_by: "key" }, ["a", "a"]);
    const [first] = await claim(database, ids);
    expect(await finish(database, first, "failed")).toEqual([]);
    expect(await claim(database, ids.slice(1))).toEqual([]);
    await queueRuns(database.pipeline, ids.slice(0, 1), 60_000);
    const [again] = await claim(database, ids);
    expect(again).toMatchObject({ id: ids[0], attempts: 1 });
    expect(await finish(database, again)).toEqual([ids[1]]);
  });

  test("order_by waits for an earlier event that is not routed yet", async () => {
    const { database } = await migratedDatabase();
    const limits = { order_by: "key" };
    const [early, late] = await events(database, limits, ["a", "a"]);
    const [lateRun] = await routed(database, limits, [late as string], () => "a");
    expect(await claim(database, [lateRun as string])).toEqual([]);
    const [earlyRun] = await routed(database, limits, [early as string], () => "a");
    expect((await claim(database, [lateRun as string, earlyRun as string])).map((run) => run.id)).toEqual([
      earlyRun,
    ]);
  });

  test("order_by continues after a dead run if the flow skips failures", async () => {
    const { database } = await migratedDatabase();
    const limits = { order_by: "key", on_order_failure: "skip" as const };
    const ids = await queuedRuns(database, limits, ["a", "a"]);
    const [first] = await claim(database, ids);
    expect(await finish(database, first, "dead")).toEqual([ids[1]]);
    expect(await claim(database, ids.slice(1))).toHaveLength(1);
    expect(await database.pipeline.query({ text: "SELECT FROM dead_letters" })).toHaveLength(1);
  });

  test("order_by stops at a dead run until its replay succeeds", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { order_by: "key" }, ["a", "a", "b"]);
    const [first] = await claim(database, ids);
    await finish(database, first, "dead");
    expect((await claim(database, ids.slice(1))).map((run) => run.id)).toEqual([]);
    const replay = await database.withTenant("acme", (transaction) =>
      replayRun(transaction, { tenantId: "acme", id: ids[0] as string, leaseMs: 60_000 }),
    );
    if (replay?.kind !== "replayed") throw new Error("expected a replay");
    const [replayed] = await claim(database, [replay.run.id, ids[1] as string]);
    expect(replayed?.id).toBe(replay.run.id);
    expect(await finish(database, replayed)).toEqual([ids[1]]);
    expect(await claim(database, ids.slice(1, 2))).toHaveLength(1);
  });

  test("order_by continues when the dead run is cancelled or its dead letter is no longer pending", async () => {
    const { database } = await migratedDatabase();
    const ids = await queuedRuns(database, { order_by: "key" }, ["a", "a", "b", "b"]);
    for (const run of await claim(database, ids)) await finish(database, run, "dead");
    expect(await claim(database, [ids[1] as string, ids[3] as string])).toEqual([]);
    const cancelled = await database.withTenant("acme", (transaction) =>
      cancelRun(transaction, "acme", ids[0] as string),
    );
    expect(cancelled).toEqual({ flowId: "f", gate: expect.stringMatching(/^[0-9a-f]{32}$/) });
    await database.pipeline.query({
      text: "UPDATE dead_letters SET status = 'expired' WHERE run_id = $1",
      values: [ids[2]],
    });
    expect(await claim(database, [ids[1] as string, ids[3] as string])).toHaveLength(2);
  });

  test("order_by does not order events without a key, and distinguishes numbers from text", async () => {
    const { database } = await migratedDatabase();
    const limits = { order_by: "key" };
    const keys = [undefined, undefined, null, {}, [], 1, "1", true, ["a", "b"], ["b", "a"]];
    const eventIds = await events(database, limits, Array(keys.length).fill("-"));
    const ids = await routed(database, limits, eventIds, (n) => keys[n]);
    expect(await claim(database, ids)).toHaveLength(keys.length);
    expect(gate(limits, { key: ["a"] })).toBe(gate(limits, { key: "a" }));
    expect(gate({}, { key: "a" })).toBeUndefined();
  });
});
