import { describe, expect, test } from "vitest";
import type { Database } from "../../src/postgres/core/database.ts";
import {
  countForReplay,
  deleteOldBulks,
  findBulk,
  insertBulk,
  type ReplayFilter,
  stopBulk,
} from "../../src/postgres/dead-letters/bulk-replay.ts";
import type { FastPathMode } from "../../src/wiring/compose/compose-fast-path.ts";
import { accepted } from "../support/flow.ts";
import { FAST_PATHS, runningPipeline, states } from "../support/running-pipeline.ts";
import { until } from "../support/until.ts";

/** Starts a pipeline with `count` dead letters of a flow that was mended since; runs for which `fails` still fail. */
async function withDeadLetters(
  count: number,
  { fails = () => false, fastPath = "on" }: { fails?: (n: number) => boolean; fastPath?: FastPathMode } = {},
) {
  const mended = { yes: false };
  const calls: number[] = [];
  const running = await runningPipeline(
    {
      mend({ event }) {
        const { n } = event.data as { n: number };
        if (!mended.yes || fails(n)) throw new Error("broken");
        calls.push(n);
      },
    },
    {},
    fastPath,
  );
  const { database, deploy } = running;
  await deploy("f", "mend");
  await accepted(
    database,
    "acme",
    Array.from({ length: count }, (_, n) => ({ n })),
  );
  await until("all are dead letters", async () => (await states(database))["dead"] === count);
  mended.yes = true;
  return { ...running, calls };
}

async function begin(database: Database, filter: ReplayFilter = {}, ratePerSecond = 1_000): Promise<string> {
  return await database.withTenant("acme", async (transaction) => {
    const count = await countForReplay(transaction, "acme", filter);
    return await insertBulk(transaction, { tenantId: "acme", filter, ratePerSecond, count });
  });
}

async function ended(database: Database, id: string) {
  const find = () => database.withTenant("acme", (transaction) => findBulk(transaction, "acme", id));
  await until("the bulk replay ended", async () => (await find())?.finishedAt !== undefined);
  return await find();
}

const statuses = async (database: Database) => {
  const rows = await database.pipeline.query({
    text: "SELECT status, count(*)::int AS n, sum(retry_count)::int AS tries FROM dead_letters GROUP BY 1 ORDER BY 1",
  });
  return rows.map((row) => [row["status"], row["n"], row["tries"]]);
};

describe("a bulk replay", () => {
  test.each(FAST_PATHS)(
    "replays every dead letter that the filter finds once, fast path %s",
    async (fastPath) => {
      const { database, calls } = await withDeadLetters(60, { fastPath });
      const id = await begin(database, { flow: "f", stage: "execute", connector: "shop" });
      expect(await ended(database, id)).toMatchObject({
        state: "done",
        count: 60,
        started: 60,
        succeeded: 60,
        failed: 0,
      });
      expect(calls.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, n) => n));
      expect(await statuses(database)).toEqual([["replayed", 60, 60]]);
      expect(await database.pipeline.query({ text: "SELECT FROM dlq_replay_runs" })).toEqual([]);
      // A second bulk replay finds no dead letter.
      expect(await ended(database, await begin(database))).toMatchObject({
        state: "done",
        count: 0,
        started: 0,
      });
    },
  );

  test("expires finished bulk replays after their retention", async () => {
    const { database } = await withDeadLetters(1);
    const [old, kept] = [await begin(database), await begin(database)];
    await ended(database, old);
    await ended(database, kept);
    await database.pipeline.query({
      text: "UPDATE dlq_replays SET finished_at = now() - interval '1 hour' WHERE id = $1",
      values: [old],
    });
    const find = (id: string) =>
      database.withTenant("acme", (transaction) => findBulk(transaction, "acme", id));
    expect(await deleteOldBulks(database.pipeline, { keptMs: 60_000, limit: 10 })).toBe(1);
    expect(await find(old)).toBeUndefined();
    expect(await find(kept)).toBeDefined();
  });

  test("aborts a bulk replay when its canary fails", async () => {
    const { database } = await withDeadLetters(30, { fails: () => true });
    const id = await begin(database);
    const bulk = await ended(database, id);
    expect(bulk).toMatchObject({ state: "aborted", started: 5, succeeded: 0, failed: 5 });
    expect(bulk?.reason).toBe("5 of the last 5 replays failed");
    expect(await statuses(database)).toEqual([["pending", 30, 5]]);
  });

  test("starts no more replays once a bulk replay is stopped, and counts those under way", async () => {
    const { database } = await withDeadLetters(40);
    const id = await begin(database, {}, 5);
    const started = async () =>
      (await database.withTenant("acme", (transaction) => findBulk(transaction, "acme", id)))?.started ?? 0;
    await until("it is past its canary", async () => (await started()) > 5);
    await database.withTenant("acme", (transaction) => stopBulk(transaction, "acme", id));
    const bulk = await ended(database, id);
    expect(bulk?.state).toBe("stopped");
    expect(bulk?.started).toBeLessThan(40);
    expect(bulk?.succeeded).toBe(bulk?.started);
    expect(await statuses(database)).toEqual([
      ["pending", 40 - (bulk?.started ?? 0), 0],
      ["replayed", bulk?.started, bulk?.started],
    ]);
  });

  test("counts replays that fail again, each in its one dead letter", async () => {
    // Two at most: more than half of the canary of five would abort the replay.
    const { database } = await withDeadLetters(40, { fails: (n) => n >= 38 });
    const bulk = await ended(database, await begin(database));
    expect(bulk).toMatchObject({ state: "done", started: 40, succeeded: 38, failed: 2 });
    expect(await statuses(database)).toEqual([
      ["pending", 2, 2],
      ["replayed", 38, 38],
    ]);
    const again = await ended(database, await begin(database, { flow: "g" }));
    expect(again).toMatchObject({ state: "done", count: 0 });
  });
});
