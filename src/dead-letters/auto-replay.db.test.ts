import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { accepted, deployed } from "../../test/support/flow.ts";
import { runId } from "../domain/flow/run-id.ts";
import { deadLetter } from "../pipeline/route/decide.ts";
import type { Database } from "../postgres/core/database.ts";
import {
  DEFAULT_POLICY,
  type DlqPolicy,
  EVERY_TENANT,
  putPolicy,
} from "../postgres/dead-letters/policies.ts";
import { loadEvents } from "../postgres/events/events.ts";
import { routeEvents } from "../postgres/events/routing.ts";
import { deleteFlow } from "../postgres/flows/flows.ts";
import type { QueuedRun } from "../postgres/runs/replay.ts";
import { claimRuns, finishRuns } from "../postgres/runs/runs.ts";
import { createAutoReplays, delaysOf } from "./auto-replay.ts";

const BOUNDS = {
  maxReplays: 3,
  delayMs: 60_000,
  maxDelayMs: 600_000,
  batchSize: 20,
  maxInFlight: 100,
  maxTenants: 10,
  leaseMs: 10_000,
  stepMs: 0,
  idleMs: 0,
};

async function withPolicy(auto: DlqPolicy["auto_replay"], tenantId = "acme", over = {}) {
  const { database } = await migratedDatabase();
  await database.transaction((transaction) =>
    putPolicy(transaction, tenantId, { ...DEFAULT_POLICY, ...(auto && { auto_replay: auto }) }),
  );
  const queued: QueuedRun[] = [];
  const step = createAutoReplays({
    database,
    replay: { leaseMs: 60_000 },
    bounds: { ...BOUNDS, ...over },
    queue: (runs) => void queued.push(...runs),
    onReplayed: () => {},
  });
  /** Runs one turn and returns the runs that it made. */
  const turn = async () => {
    queued.length = 0;
    await step(new AbortController().signal);
    return [...queued];
  };
  return { database, turn };
}

async function end(database: Database, runs: readonly { id: string }[], state: "succeeded" | "dead") {
  const ids = runs.map((run) => run.id);
  const claimed = (await claimRuns(database.pipeline, ids, 60_000)).runs;
  const ended = claimed.map((run) => ({
    ...run,
    state,
    retryDelayMs: 0,
    durationMs: 1,
    responseStatus: undefined,
    errorCode: "X",
    errorMessage: "no",
    fingerprint: run.flowId,
    errorContext: { target: "https://down.example" },
  }));
  expect((await finishRuns(database.pipeline, ended)).size).toBe(runs.length);
}

/** Makes one dead letter per event: a run of the flow that failed. */
async function deadRuns(database: Database, tenantId: string, flowId: string, data: readonly unknown[]) {
  const flowVersion = await deployed(database, tenantId, flowId);
  const eventIds = await accepted(database, tenantId, data);
  const runs = eventIds.map((eventId) => ({
    id: runId({ eventId, flowId, replaySeq: 0 }),
    tenantId,
    flowId,
    flowVersion,
    eventId,
    lane: 2 as const,
  }));
  const verdicts = eventIds.map((eventId) => ({ eventId, tenantId, status: "routed" as const }));
  await routeEvents(database.pipeline, { verdicts, runs, deadLetters: [] }, { queuedLeaseMs: 60_000 });
  await end(database, runs, "dead");
}

/** Moves all failures into the past. */
const wait = (database: Database, ms: number) =>
  database.pipeline.query({
    text: "UPDATE dead_letters SET failed_at = failed_at - $1::int * interval '1 millisecond'",
    values: [ms],
  });

describe("automatic replays", () => {
  test("an automatic replay doubles its wait each time, up to the maximum of the policy", async () => {
    const { database, turn } = await withPolicy({ enabled: true, max_replays: 3, backoff: "exponential" });
    await deadRuns(database, "acme", "f", [1]);
    await database.pipeline.query({ text: "UPDATE deployments SET deployed_at = NULL" });
    const waited: number[] = [];
    for (const ms of [59_000, 2_000, 119_000, 2_000, 239_000, 2_000, 3_600_000]) {
      await wait(database, ms);
      const runs = await turn();
      waited.push(runs.length);
      expect(runs.every((run) => run.lane === 4)).toBe(true);
      if (runs.length > 0) await end(database, runs, "dead");
    }
    expect(waited).toEqual([0, 1, 0, 1, 0, 1, 0]);
    const letters = await database.pipeline.query({
      text: "SELECT status, retry_count, auto_replays, cleared_replays FROM dead_letters",
    });
    expect(letters).toEqual([{ status: "pending", retry_count: 3, auto_replays: 3, cleared_replays: 0 }]);
  });

  test("automatic replays have constant waits with a fixed back-off, and three replays by default", () => {
    expect(delaysOf({ enabled: true }, BOUNDS)).toEqual([60_000, 120_000, 240_000]);
    expect(delaysOf({ enabled: true, max_replays: 6 }, BOUNDS).at(-1)).toBe(600_000);
    expect(delaysOf({ enabled: true, backoff: "fixed", max_replays: 2 }, BOUNDS)).toEqual([60_000, 60_000]);
  });

  test("automatic replays only take the flow, fingerprint or stage in the policy", async () => {
    for (const only of [{ flow: "f" }, { fingerprint: "f" }, { stage: "execute" as const, flow: "f" }]) {
      const { database, turn } = await withPolicy({ enabled: true, only });
      await deadRuns(database, "acme", "f", [1]);
      await deadRuns(database, "acme", "g", [2]);
      await wait(database, 61_000);
      expect((await turn()).map((run) => run.flowId)).toEqual(["f"]);
    }
  });

  test("the default policy replays only for tenants without a policy of their own", async () => {
    const { database, turn } = await withPolicy({ enabled: true }, EVERY_TENANT);
    await deadRuns(database, "acme", "f", [1]);
    await deadRuns(database, "other", "f", [2]);
    await database.transaction((transaction) => putPolicy(transaction, "other", DEFAULT_POLICY));
    await wait(database, 61_000);
    expect((await turn()).map((run) => run.tenantId)).toEqual(["acme"]);
  });

  test("automatic replays are bounded per turn and in flight, and take turns with other processes", async () => {
    const { database, turn } = await withPolicy({ enabled: true }, "acme", { batchSize: 3, maxInFlight: 5 });
    await deadRuns(database, "acme", "f", [1, 2, 3, 4, 5, 6, 7, 8]);
    await wait(database, 61_000);
    const first = await turn();
    const second = await turn();
    expect([first.length, second.length, (await turn()).length]).toEqual([3, 2, 0]);
    await end(database, [...first, ...second], "succeeded");
    await database.pipeline.query({
      text: "UPDATE dlq_auto_turn SET visible_at = now() + interval '1 minute'",
    });
    expect(await turn()).toEqual([]);
    await database.pipeline.query({ text: "UPDATE dlq_auto_turn SET visible_at = now()" });
    expect(await turn()).toHaveLength(3);
  });

  test("automatic replays skip dead letters whose flow was deleted", async () => {
    const { database, turn } = await withPolicy({ enabled: true }, "acme", { batchSize: 1 });
    await deadRuns(database, "acme", "gone", [1]);
    await deadRuns(database, "acme", "f", [2]);
    await database.pipeline.query({ text: "UPDATE deployments SET deployed_at = NULL" });
    await database.withTenant("acme", (transaction) => deleteFlow(transaction, "acme", "gone"));
    await wait(database, 61_000);
    expect([(await turn()).length, (await turn()).map((run) => run.flowId)]).toEqual([0, ["f"]]);
  });
});

describe("replays after a cleared cause", () => {
  test("each deploy of a flow replays its dead letters at once", async () => {
    const { database, turn } = await withPolicy({ enabled: true, max_replays: 2 });
    await deadRuns(database, "acme", "f", [1, 2]);
    await deadRuns(database, "acme", "g", [3]);
    expect(await turn()).toEqual([]);
    const replayed: number[] = [];
    for (let deploy = 0; deploy < 3; deploy += 1) {
      await deployed(database, "acme", "f");
      const runs = await turn();
      expect(await turn()).toEqual([]);
      if (runs.length > 0) await end(database, runs, "dead");
      expect(await turn()).toEqual([]);
      replayed.push(runs.length);
    }
    // The maximum of the policy also applies to deploys.
    expect(replayed).toEqual([2, 2, 0]);
  });

  test("each closing of a circuit breaker replays the dead letters of its target", async () => {
    const { database, turn } = await withPolicy({ enabled: true });
    await deadRuns(database, "acme", "f", [1]);
    const close = (target: string) =>
      database.pipeline.query({
        text: "INSERT INTO circuit_breakers (tenant_id, target, state, closed_at) VALUES ('acme', $1, 'closed', now())",
        values: [target],
      });
    await close("https://another.example");
    expect(await turn()).toEqual([]);
    await close("https://down.example");
    const runs = await turn();
    expect(runs).toHaveLength(1);
    await end(database, runs, "dead");
    expect(await turn()).toEqual([]);
    await database.pipeline.query({ text: "UPDATE circuit_breakers SET closed_at = now()" });
    expect(await turn()).toHaveLength(1);
  });

  test("a deploy that matches an unmatched event replays it, and other deploys use no replay", async () => {
    const { database, turn } = await withPolicy({ enabled: true, max_replays: 1 });
    await deployed(database, "acme", "f", { trigger: { event_types: ["never"] } });
    const eventIds = await accepted(database, "acme", [1]);
    const [event] = await loadEvents(database.pipeline, eventIds);
    if (event === undefined) throw new Error("expected the event");
    await routeEvents(
      database.pipeline,
      {
        verdicts: [{ eventId: event.id, tenantId: "acme", status: "unmatched" }],
        runs: [],
        deadLetters: [deadLetter(event, "route", "met none")],
      },
      { queuedLeaseMs: 60_000 },
    );
    for (const flow of ["a", "b"]) {
      await deployed(database, "acme", flow, { trigger: { event_types: ["never"] } });
      expect(await turn()).toEqual([]);
    }
    await deployed(database, "acme", "taker");
    expect(await turn()).toMatchObject([{ flowId: "taker", lane: 4 }]);
    const letters = await database.pipeline.query({
      text: "SELECT retry_count, cleared_replays, stage FROM dead_letters",
    });
    expect(letters).toEqual([{ retry_count: 1, cleared_replays: 1, stage: "route" }]);
  });
});
