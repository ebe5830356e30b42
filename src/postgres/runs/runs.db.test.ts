import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted, deployed } from "../../../test/support/flow.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Database } from "../core/database.ts";
import { routeEvents } from "../events/routing.ts";
import {
  claimRuns,
  dueRunIds,
  expireQueuedRuns,
  extendLeases,
  type FinishedAttempt,
  finishRuns,
  nextRunDueMs,
  queueRuns,
  releaseRuns,
} from "./runs.ts";

const LEASE_MS = 60_000;

/** Queued runs of one flow, one an event. */
async function queued(database: Database, events: number): Promise<string[]> {
  await deployed(database, "acme", "f");
  const eventIds = await accepted(
    database,
    "acme",
    Array.from({ length: events }, (_, n) => n),
  );
  const runs = eventIds.map((eventId) => ({
    id: runId({ eventId, flowId: "f", replaySeq: 0 }),
    tenantId: "acme",
    flowId: "f",
    flowVersion: 1,
    eventId,
    lane: 2 as const,
  }));
  const verdicts = eventIds.map((eventId) => ({ eventId, tenantId: "acme", status: "routed" as const }));
  await routeEvents(database.pipeline, { verdicts, runs, deadLetters: [] }, { queuedLeaseMs: LEASE_MS });
  return runs.map((run) => run.id);
}

function finished(
  run: { id: string; fence: number; eventId: string; replaySeq: number },
  over: Partial<FinishedAttempt> = {},
) {
  return {
    state: "succeeded" as const,
    retryDelayMs: 0,
    durationMs: 5,
    responseStatus: 200,
    errorCode: undefined,
    errorMessage: undefined,
    errorContext: undefined,
    fingerprint: undefined,
    ...run,
    ...over,
  };
}

const DEAD = {
  state: "dead" as const,
  errorCode: "HTTP_STATUS",
  errorMessage: "The target answered 400",
  errorContext: { step: "http" },
  fingerprint: "f1",
};

describe("claimRuns", () => {
  test("claimRuns gives each run to one worker, under a rising fence", async () => {
    const { database } = await migratedDatabase();
    const ids = await queued(database, 40);
    const claims = await Promise.all(
      Array.from({ length: 6 }, () => claimRuns(database.pipeline, ids, LEASE_MS)),
    );
    const claimed = claims.flatMap((claim) => claim.runs);
    expect(claimed.map((run) => run.id).sort()).toEqual([...ids].sort());
    expect(claimed.every((run) => run.fence > 0 && run.attempts === 0)).toBe(true);
  });
});

describe("finishRuns", () => {
  test("finishRuns stores the run and its attempt once", async () => {
    const { database } = await migratedDatabase();
    const { runs } = await claimRuns(database.pipeline, await queued(database, 3), LEASE_MS);
    const attempts = runs.map((run) => finished(run));
    expect((await finishRuns(database.pipeline, attempts)).size).toBe(3);
    expect((await finishRuns(database.pipeline, attempts)).size).toBe(0);
    const rows = await database.pipeline.query({
      text: "SELECT r.state, r.attempts, r.finished_at IS NOT NULL AS ended, a.attempt, a.outcome FROM runs r JOIN attempts a ON a.run_id = r.id",
    });
    expect(rows).toEqual(
      Array.from({ length: 3 }, () => ({
        state: "succeeded",
        attempts: 1,
        ended: true,
        attempt: 1,
        outcome: "done",
      })),
    );
  });

  test("finishRuns ignores a late worker whose run was claimed again", async () => {
    const { database } = await migratedDatabase();
    const ids = await queued(database, 1);
    const [late] = (await claimRuns(database.pipeline, ids, 0)).runs;
    await queueRuns(database.pipeline, ids, LEASE_MS);
    const [now] = (await claimRuns(database.pipeline, ids, LEASE_MS)).runs;
    if (late === undefined || now === undefined) throw new Error("both claimed the run");
    expect(now.fence).toBeGreaterThan(late.fence);
    expect((await finishRuns(database.pipeline, [finished(late, DEAD)])).size).toBe(0);
    expect((await extendLeases(database.pipeline, [late], LEASE_MS)).size).toBe(0);
    expect((await finishRuns(database.pipeline, [finished(now)])).size).toBe(1);
    expect(await database.pipeline.query({ text: "SELECT 1 FROM dead_letters" })).toHaveLength(0);
  });

  test("finishRuns creates the dead letter with a copy of the event", async () => {
    const { database } = await migratedDatabase();
    const { runs } = await claimRuns(database.pipeline, await queued(database, 2), LEASE_MS);
    const [dead, done] = runs.map((run, index) => finished(run, index === 0 ? DEAD : {}));
    if (dead === undefined || done === undefined) throw new Error("two runs were claimed");
    await finishRuns(database.pipeline, [dead, done]);
    const letters = await database.pipeline.query({
      text: "SELECT run_id, event_id, flow_id, stage, error_message, error_context, event_payload FROM dead_letters",
    });
    expect(letters).toEqual([
      {
        run_id: dead.id,
        event_id: dead.eventId,
        flow_id: "f",
        stage: "execute",
        error_message: DEAD.errorMessage,
        error_context: DEAD.errorContext,
        event_payload: expect.any(Buffer),
      },
    ]);
  });
});

describe("dueRunIds", () => {
  test("dueRunIds returns nothing during the lease of a job, and every run after Redis lost the jobs", async () => {
    const { database } = await migratedDatabase();
    const ids = await queued(database, 5);
    expect(await dueRunIds(database.pipeline, [1, 2, 3, 4], 10)).toEqual([]);
    expect(await expireQueuedRuns(database.pipeline)).toBe(5);
    const due = await dueRunIds(database.pipeline, [2], 10);
    expect([...due].sort()).toEqual([...ids].sort());
    expect(await dueRunIds(database.pipeline, [1, 3, 4], 10)).toEqual([]);
    const both = await Promise.all([1, 2].map(() => queueRuns(database.pipeline, due, LEASE_MS)));
    expect(both.flat()).toHaveLength(5);
    expect(both.flat().every((run) => run.generation === 1)).toBe(true);
  });

  test("dueRunIds returns a failed run only after its back-off", async () => {
    const { database } = await migratedDatabase();
    const { runs } = await claimRuns(database.pipeline, await queued(database, 1), LEASE_MS);
    await finishRuns(
      database.pipeline,
      runs.map((run) => finished(run, { state: "failed", retryDelayMs: 30_000 })),
    );
    expect(await dueRunIds(database.pipeline, [2], 10)).toEqual([]);
    expect(await nextRunDueMs(database.pipeline)).toBeGreaterThan(25_000);
  });

  test("dueRunIds returns the runs that a stopping worker released", async () => {
    const { database } = await migratedDatabase();
    const { runs } = await claimRuns(database.pipeline, await queued(database, 2), LEASE_MS);
    await releaseRuns(database.pipeline, runs);
    expect(await dueRunIds(database.pipeline, [2], 10)).toHaveLength(2);
  });
});
