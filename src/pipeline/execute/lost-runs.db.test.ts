import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted, deployed } from "../../../test/support/flow.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Database } from "../../postgres/core/database.ts";
import { insertRuns } from "../../postgres/events/routing.ts";
import { claimRuns, finishRuns, queueRuns, releaseRuns } from "../../postgres/runs/runs.ts";
import { handleLostRuns } from "./lost-runs.ts";

const BOUNDS = { maxLost: 2, delayMs: 0, maxDelayMs: 0, suspectMs: 60_000 };
const LEASE_MS = 60_000;

async function queued(database: Database, count: number): Promise<string[]> {
  const flowVersion = await deployed(database, "acme", "f");
  const numbers = Array.from({ length: count }, (_, n) => n);
  const flow = { tenantId: "acme", flowId: "f", flowVersion, lane: 2 as const };
  const runs = (await accepted(database, "acme", numbers)).map((eventId) => ({
    ...flow,
    eventId,
    id: runId({ eventId, flowId: "f", replaySeq: 0 }),
  }));
  await insertRuns(database.pipeline, runs);
  return runs.map((run) => run.id);
}

/** Sweeps due runs that lost their workers, and returns those that were queued. */
async function sweep(database: Database, ids: string[]): Promise<string[]> {
  await handleLostRuns(database.pipeline, ids, BOUNDS, Math.random);
  return (await queueRuns(database.pipeline, ids, LEASE_MS)).map((run) => run.id);
}

/** Claims the runs for workers that are lost at once. */
const lose = (database: Database, ids: string[]) => claimRuns(database.pipeline, ids, 0);

const rows = (database: Database) =>
  database.pipeline.query({ text: "SELECT id, state, lost, attempts, error_code FROM runs ORDER BY id" });

test("a run that lost its worker once is queued at once, and the loss counts", async () => {
  const { database } = await migratedDatabase();
  const ids = (await queued(database, 3)).sort();
  await lose(database, ids);
  expect((await sweep(database, ids)).sort()).toEqual(ids);
  expect(await rows(database)).toMatchObject(ids.map(() => ({ state: "queued", lost: 1, attempts: 0 })));
});

test("runs that lost their worker twice run one at a time", async () => {
  const { database } = await migratedDatabase();
  const ids = (await queued(database, 3)).sort();
  await lose(database, ids);
  await sweep(database, ids);
  await lose(database, ids);
  await handleLostRuns(database.pipeline, ids, BOUNDS, Math.random);
  expect(await rows(database)).toMatchObject(
    ids.map(() => ({ state: "failed", lost: 2, attempts: 0, error_code: "WORKER_LOST" })),
  );
  const out = await sweep(database, ids);
  expect(out).toHaveLength(1);
  const due = () =>
    database.pipeline.query({ text: "UPDATE runs SET visible_at = now() WHERE state = 'failed'" });
  await due();
  expect(await sweep(database, ids)).toEqual([]);
  const [run] = (await claimRuns(database.pipeline, out, LEASE_MS)).runs;
  if (run === undefined) throw new Error("expected the run");
  const ended = { retryDelayMs: 0, durationMs: 1, responseStatus: undefined, errorCode: undefined };
  await finishRuns(database.pipeline, [
    {
      ...run,
      ...ended,
      state: "succeeded",
      errorMessage: undefined,
      errorContext: undefined,
      fingerprint: undefined,
    },
  ]);
  await due();
  const next = await sweep(database, ids);
  expect(next).toHaveLength(1);
  expect(next).not.toEqual(out);
  // The next loss makes it a dead letter.
  await lose(database, next);
  const [dead] = await handleLostRuns(database.pipeline, next, BOUNDS, Math.random);
  expect(dead).toMatchObject({ id: next[0], errorCode: "WORKER_LOST", errorContext: { connector: "shop" } });
  const letters = await database.pipeline.query({ text: "SELECT run_id, error_message FROM dead_letters" });
  expect(letters).toEqual([
    {
      run_id: next[0],
      error_message: "3 workers in a row were lost before they finished an attempt of this run",
    },
  ]);
});

test("a requeued run does not count as lost, and a finished attempt resets the count of losses", async () => {
  const { database } = await migratedDatabase();
  const ids = await queued(database, 1);
  for (let stop = 0; stop < 5; stop += 1) {
    await releaseRuns(database.pipeline, (await claimRuns(database.pipeline, ids, LEASE_MS)).runs);
    expect(await sweep(database, ids)).toEqual(ids);
  }
  expect(await rows(database)).toMatchObject([{ state: "queued", lost: 0 }]);
  await lose(database, ids);
  await sweep(database, ids);
  const [run] = (await claimRuns(database.pipeline, ids, LEASE_MS)).runs;
  if (run === undefined) throw new Error("expected the run");
  const failed = {
    retryDelayMs: 0,
    durationMs: 1,
    responseStatus: undefined,
    errorCode: "X",
    errorMessage: "no",
  };
  await finishRuns(database.pipeline, [
    { ...run, ...failed, state: "failed", errorContext: undefined, fingerprint: undefined },
  ]);
  expect(await rows(database)).toMatchObject([{ state: "failed", lost: 0, attempts: 1 }]);
});
