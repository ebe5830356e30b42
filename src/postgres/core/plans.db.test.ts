import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { accepted, deployed } from "../../../test/support/flow.ts";
import { until } from "../../../test/support/until.ts";
import { runId } from "../../domain/flow/run-id.ts";
import { loadEvents } from "../events/events.ts";
import { claimOutbox } from "../events/outbox.ts";
import { routeEvents } from "../events/routing.ts";
import { claimRuns, dueRunIds, finishRuns } from "../runs/runs.ts";
import { analyzeFilledTables } from "../schema/filled-tables.ts";
import type { Database } from "./database.ts";

/** Everything that one batch of events goes through in PostgreSQL. */
async function cycle(database: Database, events: number): Promise<void> {
  const ids = await accepted(
    database,
    "acme",
    Array.from({ length: events }, (_, n) => n),
  );
  await claimOutbox(database.pipeline, {
    budgets: new Map([[2, events]]),
    afterTenants: new Map(),
    maxTenants: 10,
    leaseMs: 60_000,
  });
  await loadEvents(database.pipeline, ids);
  const runs = ids.map((eventId) => ({
    id: runId({ eventId, flowId: "f", replaySeq: 0 }),
    tenantId: "acme",
    flowId: "f",
    flowVersion: 1,
    eventId,
    lane: 2 as const,
  }));
  const verdicts = ids.map((eventId) => ({ eventId, tenantId: "acme", status: "routed" as const }));
  await routeEvents(database.pipeline, { verdicts, runs, deadLetters: [] }, { queuedLeaseMs: 60_000 });
  const claim = await claimRuns(
    database.pipeline,
    runs.map((run) => run.id),
    60_000,
  );
  await dueRunIds(database.pipeline, [1, 2, 3, 4], 100);
  const attempts = claim.runs.map((run, index) => ({
    id: run.id,
    eventId: run.eventId,
    fence: run.fence,
    replaySeq: run.replaySeq,
    state: index === 0 && events > 1 ? ("dead" as const) : ("succeeded" as const),
    retryDelayMs: 0,
    durationMs: 1,
    responseStatus: undefined,
    errorCode: undefined,
    errorMessage: "no",
    errorContext: {},
    fingerprint: "f",
  }));
  expect((await finishRuns(database.pipeline, attempts)).size).toBe(events);
}

const STATES = ["never analysed", "analysed"];

test.each(STATES)(
  "no statement of the pipeline reads a whole table by a plan made while the tables were empty and %s",
  async (state) => {
    const { database } = await migratedDatabase({ maxPipelineConnections: 1, maxIngestConnections: 1 });
    if (state === "analysed") await database.pipeline.query({ text: "VACUUM ANALYZE" });
    await deployed(database, "acme", "f");
    // One at a time and many are different statements.
    const oneByOne = async () => {
      for (let warm = 0; warm < 8; warm += 1) await cycle(database, 1);
    };
    await oneByOne();
    await cycle(database, 500);
    if (state === "analysed") {
      await until("the filled tables are analysed", async () => {
        await flushStatistics(database);
        await analyzeFilledTables(database.pipeline, 100);
        // PostgreSQL can have done it earlier.
        const [analysed] = await database.pipeline.query({
          text: "SELECT FROM pg_class WHERE relkind = 'r' AND relname ~ '^runs_' AND reltuples >= 100",
        });
        return analysed !== undefined;
      });
    }
    const before = await rowsRead(database);
    for (let round = 0; round < 20; round += 1) await cycle(database, 500);
    await oneByOne();
    const tables = (await rowsRead(database)).map(({ name, scanned, fetched }) => {
      const earlier = before.find((table) => table.name === name);
      return { name, scanned: scanned - (earlier?.scanned ?? 0), fetched: fetched - (earlier?.fetched ?? 0) };
    });
    // The counters were flushed: the rows were fetched, by an index.
    expect(tables.filter((table) => table.fetched >= 10_000)).toHaveLength(3);
    expect(tables.filter((table) => table.scanned > 0)).toEqual([]);
  },
);

/** How many rows of the busy tables were read by scans of the whole table, and how many by an index. */
async function rowsRead(database: Database) {
  await flushStatistics(database);
  return await database.pipeline.query<{ name: string; scanned: number; fetched: number }>({
    text: `SELECT relname AS name, seq_tup_read::int AS scanned, idx_tup_fetch::int AS fetched
      FROM pg_stat_user_tables WHERE relname ~ '^(outbox|events_|runs_)' AND n_tup_ins > 0`,
  });
}

async function flushStatistics(database: Database): Promise<void> {
  for (const connection of [database.ingest, database.pipeline])
    await connection.query({ text: "SELECT pg_stat_force_next_flush()" });
}
