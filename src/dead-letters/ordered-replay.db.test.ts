import { expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { accepted, deployed } from "../../test/support/flow.ts";
import { runId } from "../domain/flow/run-id.ts";
import type { Database } from "../postgres/core/database.ts";
import { routeEvents } from "../postgres/events/routing.ts";
import { claimGatedRuns } from "../postgres/runs/gated-runs.ts";
import { type FinishedAttempt, finishRuns } from "../postgres/runs/runs.ts";
import { replayDeadLetter } from "./replay-dead-letter.ts";

const REPLAY = { leaseMs: 60_000 };

/** Creates two events with one key of an ordered flow. The run of the first is dead and blocks the run of the second. */
async function blockedKey() {
  const { database } = await migratedDatabase();
  const flowVersion = await deployed(database, "acme", "f", { order_by: "key" });
  const eventIds = (
    await accepted(database, "acme", [
      { key: "k", n: 1 },
      { key: "k", n: 2 },
    ])
  ).sort();
  const runs = eventIds.map((eventId) => ({
    id: runId({ eventId, flowId: "f", replaySeq: 0 }),
    tenantId: "acme",
    flowId: "f",
    flowVersion,
    eventId,
    lane: 2 as const,
    gate: "the-key",
  }));
  const verdicts = eventIds.map((eventId) => ({ eventId, tenantId: "acme", status: "routed" as const }));
  await routeEvents(database.pipeline, { verdicts, runs, deadLetters: [] }, { queuedLeaseMs: 60_000 });
  const [first = "", second = ""] = runs.map((run) => run.id);
  await end(database, first, "dead");
  expect(await claim(database, second)).toEqual([]);
  const [letter] = await database.pipeline.query<{ id: string }>({ text: "SELECT id FROM dead_letters" });
  const replay = async (payload?: unknown) => {
    const replayed = await database.withTenant("acme", (transaction) =>
      replayDeadLetter(
        transaction,
        {
          tenantId: "acme",
          id: letter?.id as string,
          payload: payload === undefined ? undefined : Buffer.from(JSON.stringify(payload)),
        },
        REPLAY,
      ),
    );
    if (replayed?.kind !== "replayed") throw new Error("expected a replay");
    return replayed.runs[0].id;
  };
  return { database, second, replay };
}

async function claim(database: Database, id: string) {
  const { runs } = await claimGatedRuns(database.pipeline, [id], { leaseMs: 60_000, holdMs: 1_000 });
  return runs;
}

async function end(database: Database, id: string, state: FinishedAttempt["state"]) {
  const [run] = await claim(database, id);
  if (run?.id !== id) throw new Error(`run ${id} is not admitted`);
  const ended = {
    retryDelayMs: 0,
    durationMs: 1,
    responseStatus: undefined,
    errorCode: "E",
    errorMessage: "no",
  };
  await finishRuns(database.pipeline, [{ ...run, ...ended, state, errorContext: {}, fingerprint: "f" }]);
}

test("a successful replay unblocks the later runs of its key", async () => {
  const { database, second, replay } = await blockedKey();
  const replayed = await replay();
  expect(await claim(database, second)).toEqual([]);
  await end(database, replayed, "dead");
  expect(await claim(database, second)).toEqual([]);
  await end(database, await replay(), "succeeded");
  expect(await claim(database, second)).toHaveLength(1);
});

test("a replay with an edited payload is not blocked by the runs that wait for it", async () => {
  const { database, second, replay } = await blockedKey();
  await end(database, await replay({ key: "k", n: "fixed" }), "succeeded");
  expect(await claim(database, second)).toHaveLength(1);
});
