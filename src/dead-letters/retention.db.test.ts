import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { countByStatus, insertDeadLetters } from "../../test/support/dead-letter.ts";
import type { Database } from "../postgres/core/database.ts";
import { DEFAULT_POLICY, EVERY_TENANT, putPolicy } from "../postgres/dead-letters/policies.ts";
import { createRetentionStep, type RetentionBounds } from "./retention.ts";

const BOUNDS: RetentionBounds = { batchSize: 10, maxTenants: 2, emptiedMs: 86_400_000, intervalMs: 60_000 };
const SIGNAL = new AbortController().signal;

/** Runs steps until nothing is left to do, and returns how many dead letters were emptied and deleted. */
async function clean(database: Database): Promise<{ expired: number; deleted: number }> {
  const cleaned = { expired: 0, deleted: 0 };
  const step = createRetentionStep({
    database: database.pipeline,
    bounds: BOUNDS,
    onCleaned({ expired, deleted }) {
      cleaned.expired += expired;
      cleaned.deleted += deleted;
    },
  });
  while ((await step(SIGNAL)).waitMs === 0);
  return cleaned;
}

async function keptFor(database: Database, tenantId: string, days: number): Promise<void> {
  await database.transaction((transaction) =>
    putPolicy(transaction, tenantId, { ...DEFAULT_POLICY, retention_days: days }),
  );
}

describe("retention of dead letters", () => {
  test("dead letters lose payload and headers after thirty days and keep their row", async () => {
    const { database } = await migratedDatabase();
    const [old = ""] = await insertDeadLetters(database, {
      tenantId: "acme",
      daysAgo: 30.1,
      payload: "secret",
    });
    const [young = ""] = await insertDeadLetters(database, {
      tenantId: "acme",
      daysAgo: 29.9,
      payload: "kept",
    });
    expect(await clean(database)).toEqual({ expired: 1, deleted: 0 });
    const rows = await database.pipeline.query({
      text: `SELECT id, status, event_payload, headers, error_message, expired_at IS NOT NULL AS marked
        FROM dead_letters ORDER BY created_at`,
    });
    expect(rows).toEqual([
      {
        id: old,
        status: "expired",
        event_payload: null,
        headers: {},
        error_message: "It failed",
        marked: true,
      },
      {
        id: young,
        status: "pending",
        event_payload: Buffer.from("kept"),
        headers: { a: "b" },
        error_message: "It failed",
        marked: false,
      },
    ]);
  });

  test("dead letter retention follows the tenant's policy, or else the default policy", async () => {
    const { database } = await migratedDatabase();
    for (const tenantId of ["a", "b", "c", "d", "e"])
      await insertDeadLetters(database, { tenantId, daysAgo: 10 });
    await keptFor(database, EVERY_TENANT, 7);
    await keptFor(database, "b", 30);
    await keptFor(database, "e", 11);
    await clean(database);
    const left = await database.pipeline.query({
      text: "SELECT tenant_id FROM dead_letters WHERE status = 'pending' ORDER BY 1",
    });
    expect(left.map((row) => row["tenant_id"])).toEqual(["b", "e"]);
  });

  test("dead letter retention skips dead letters being replayed and empties edited payloads", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", count: 2, daysAgo: 40 });
    await database.pipeline.query({ text: "UPDATE dead_letters SET edited_payload = 'edited'" });
    const replaying = "UPDATE dead_letters SET replay_run_id";
    await database.pipeline.query({
      text: `${replaying} = gen_random_uuid() WHERE id = (SELECT id FROM dead_letters LIMIT 1)`,
    });
    expect(await clean(database)).toEqual({ expired: 1, deleted: 0 });
    await database.pipeline.query({ text: `${replaying} = NULL` });
    expect(await clean(database)).toEqual({ expired: 1, deleted: 0 });
    const text = "SELECT FROM dead_letters WHERE num_nonnulls(event_payload, edited_payload) > 0";
    expect(await database.pipeline.query({ text })).toHaveLength(0);
  });

  test("dead letter retention empties replayed dead letters too, in small batches", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", count: 35, daysAgo: 40 });
    await insertDeadLetters(database, { tenantId: "globex", count: 12, daysAgo: 40 });
    await database.pipeline.query({
      text: "UPDATE dead_letters SET status = 'replayed' WHERE tenant_id = 'acme'",
    });
    expect(await clean(database)).toEqual({ expired: 47, deleted: 0 });
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ expired: 35 });
  });

  test("dead letter retention deletes rows that were emptied long ago", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", count: 25, daysAgo: 40 });
    await clean(database);
    await database.pipeline.query({
      text: "UPDATE dead_letters SET expired_at = now() - interval '25 hours' WHERE id IN (SELECT id FROM dead_letters LIMIT 20)",
    });
    expect(await clean(database)).toEqual({ expired: 0, deleted: 20 });
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ expired: 5 });
  });

  test("concurrent retention steps empty each dead letter once", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", count: 200, daysAgo: 40 });
    const cleaned = await Promise.all([clean(database), clean(database), clean(database)]);
    expect(cleaned.reduce((sum, one) => sum + one.expired, 0)).toBe(200);
  });

  test("dead letter retention resumes after a cut connection", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", count: 30, daysAgo: 40 });
    // The statement waits for this lock after it has emptied its rows, and is terminated there.
    const cut = database.transaction(async (transaction) => {
      await transaction.query({ text: "LOCK TABLE dead_letter_changes IN EXCLUSIVE MODE" });
      const cleaning = clean(database).then(
        () => "finished",
        () => "cut",
      );
      const found = await waiting(database);
      await transaction.query({ text: "SELECT pg_terminate_backend($1)", values: [found] });
      return await cleaning;
    });
    expect(await cut).toBe("cut");
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ pending: 30 });
    expect(await clean(database)).toEqual({ expired: 30, deleted: 0 });
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ expired: 30 });
  });
});

/** Returns the pid of the backend that empties dead letters and waits for a lock. */
async function waiting(database: Database): Promise<number> {
  for (;;) {
    const [row] = await database.pipeline.query<{ pid: number }>({
      text: `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'WITH RECURSIVE walk%'
        AND datname = current_database()`,
    });
    if (row !== undefined) return row.pid;
  }
}
