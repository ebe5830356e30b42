import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { insertDeadLetters } from "../../test/support/dead-letter.ts";
import { until } from "../../test/support/until.ts";
import { listAlerts } from "../postgres/alerts/alerts.ts";
import type { Database } from "../postgres/core/database.ts";
import {
  DEFAULT_POLICY,
  type DlqPolicy,
  EVERY_TENANT,
  putPolicy,
} from "../postgres/dead-letters/policies.ts";
import { createLoop } from "../runtime/loop.ts";
import { createDeadLetterWatch, type DeadLetterCounts } from "./watch-depths.ts";

const SIGNAL = new AbortController().signal;
const BOUNDS = { foldBatch: 7, resolveBelow: 0.8, intervalMs: 1 };

async function counts(database: Database): Promise<DeadLetterCounts> {
  let counted: DeadLetterCounts | undefined;
  const step = createDeadLetterWatch({
    database: database.pipeline,
    bounds: BOUNDS,
    onCounted(result) {
      counted = result;
    },
    onAlerts() {},
  });
  await step(SIGNAL);
  return counted as DeadLetterCounts;
}

async function depths(database: Database): Promise<Record<string, number>> {
  const counted = await counts(database);
  return Object.fromEntries(
    counted.depths.map((depth) => [`${depth.tenantId} ${depth.stage}`, depth.pending]),
  );
}

function setAlert(database: Database, tenantId: string, alert: DlqPolicy["alert"]): Promise<void> {
  const policy = { ...DEFAULT_POLICY, ...(alert === undefined ? {} : { alert }) };
  return database.transaction((transaction) => putPolicy(transaction, tenantId, policy));
}

async function alertsOf(database: Database): Promise<string[]> {
  const none = {
    kind: undefined,
    subject: undefined,
    sinceId: undefined,
    untilId: undefined,
    beforeId: undefined,
  };
  const alerts = await listAlerts(database.pipeline, {
    tenantId: undefined,
    status: undefined,
    limit: 100,
    ...none,
  });
  return alerts
    .map(
      ({ tenantId, kind, resolvedAt }) =>
        `${tenantId} ${kind} ${resolvedAt === undefined ? "open" : "resolved"}`,
    )
    .sort();
}

describe("the depth of the dead letter queue", () => {
  test("the depth of the dead letter queue follows inserts, updates and deletes, by tenant and stage", async () => {
    const { database } = await migratedDatabase();
    const change = (text: string, values: unknown[] = []) => database.pipeline.query({ text, values });
    await insertDeadLetters(database, { tenantId: "acme", count: 20, payload: "12345" });
    await insertDeadLetters(database, { tenantId: "acme", count: 3, stage: "route" });
    await insertDeadLetters(database, { tenantId: "globex", count: 1 });
    expect(await depths(database)).toEqual({ "acme execute": 20, "acme route": 3, "globex execute": 1 });
    expect((await counts(database)).kept).toEqual({ entries: 24, bytes: 20 * 5 + 4 * 2 });

    await change("UPDATE dead_letters SET status = 'replayed' WHERE stage = 'route'");
    await change("UPDATE dead_letters SET retry_count = retry_count + 1");
    await change(
      "UPDATE dead_letters SET status = 'expired', event_payload = NULL WHERE tenant_id = 'globex'",
    );
    await change(
      "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE tenant_id = 'acme' AND stage = 'execute' LIMIT 4)",
    );
    expect(await depths(database)).toEqual({ "acme execute": 16 });
    expect((await counts(database)).kept).toEqual({ entries: 19, bytes: 16 * 5 + 3 * 2 });
  });

  test("the depth of the dead letter queue is exact under concurrent writes and folds", async () => {
    const { database } = await migratedDatabase();
    const writing = Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const ids = await insertDeadLetters(database, { tenantId: `t${i % 3}`, count: 10 });
        await database.pipeline.query({
          text: "UPDATE dead_letters SET status = 'replayed' WHERE id = ANY ($1)",
          values: [ids.slice(0, i % 10)],
        });
      }),
    );
    await Promise.all([writing, counts(database), counts(database), counts(database)]);
    await Promise.all([counts(database), counts(database)]);
    const counted = await database.pipeline.query<{ tenant_id: string; count: number }>({
      text: "SELECT tenant_id, count(*)::int AS count FROM dead_letters WHERE status = 'pending' GROUP BY 1 ORDER BY 1",
    });
    expect(await depths(database)).toEqual(
      Object.fromEntries(counted.map((row) => [`${row.tenant_id} execute`, row.count])),
    );
    expect(await database.pipeline.query({ text: "SELECT FROM dead_letter_changes" })).toHaveLength(0);
  });

  test("the depth of the dead letter queue includes the age of the oldest pending entry", async () => {
    const { database } = await migratedDatabase();
    await insertDeadLetters(database, { tenantId: "acme", daysAgo: 2 });
    await insertDeadLetters(database, { tenantId: "acme", daysAgo: 1 });
    const oldest = async () => Math.round(((await counts(database)).depths[0]?.oldestSeconds ?? 0) / 3_600);
    expect(await oldest()).toBe(48);
    await database.pipeline.query({
      text: "UPDATE dead_letters SET status = 'replayed' WHERE created_at < now() - interval '36 hours'",
    });
    expect(await oldest()).toBe(24);
  });
});

describe("alerts of dead letters", () => {
  test("two processes open and resolve a dead letter alert once", async () => {
    const { database } = await migratedDatabase();
    await setAlert(database, "acme", { depth: 10, oldest_seconds: 3_600 });
    let changes = 0;
    const loops = [1, 2].map((copy) =>
      createLoop({
        name: `watch ${copy}`,
        step: createDeadLetterWatch({
          database: database.pipeline,
          bounds: BOUNDS,
          onCounted() {},
          onAlerts() {
            changes += 1;
          },
        }),
        backoff: { kind: "fixed", delayMs: 1, maxDelayMs: 1 },
        onError(error) {
          throw error;
        },
      }),
    );
    for (const loop of loops) loop.start();
    const ids = await insertDeadLetters(database, { tenantId: "acme", count: 12 });
    const replay = (some: string[]) =>
      database.pipeline.query({
        text: "UPDATE dead_letters SET status = 'replayed' WHERE id = ANY ($1)",
        values: [some],
      });
    await until("the alert is open", async () => (await alertsOf(database)).length > 0, { everyMs: 5 });
    // Between 80 % and 100 % of the threshold nothing changes.
    for (let i = 0; i < 20; i += 1) {
      await replay(ids.slice(0, 3));
      const [one = ""] = await insertDeadLetters(database, { tenantId: "acme", count: 1 });
      await replay([one]);
    }
    expect(await alertsOf(database)).toEqual(["acme dlq.depth open"]);
    await replay(ids);
    await until(
      "it is resolved",
      async () => (await alertsOf(database)).includes("acme dlq.depth resolved"),
      {
        everyMs: 5,
      },
    );
    await Promise.all(loops.map((loop) => loop.stop()));
    expect(await alertsOf(database)).toEqual(["acme dlq.depth resolved"]);
    expect(changes).toBe(2);
    const notices = await database.pipeline.query({ text: "SELECT change FROM alert_notices ORDER BY 1" });
    expect(notices).toEqual([{ change: "opened" }, { change: "resolved" }]);
  });

  test("a dead letter alert opens again when its threshold is reached again", async () => {
    const { database } = await migratedDatabase();
    await setAlert(database, EVERY_TENANT, { oldest_seconds: 3_600 });
    for (let time = 0; time < 2; time += 1) {
      await insertDeadLetters(database, { tenantId: "acme", daysAgo: 1 });
      await counts(database);
      await database.pipeline.query({ text: "DELETE FROM dead_letters" });
      await counts(database);
    }
    expect(await alertsOf(database)).toEqual(["acme dlq.oldest resolved", "acme dlq.oldest resolved"]);
  });
});
