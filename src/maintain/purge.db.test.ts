import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { insertDeadLetters } from "../../test/support/dead-letter.ts";
import { accepted, deployed } from "../../test/support/flow.ts";
import { deleteTenant } from "../postgres/access/tenants.ts";
import { openAlerts } from "../postgres/alerts/alerts.ts";
import type { Database } from "../postgres/core/database.ts";
import { foldDeadLetterChanges } from "../postgres/dead-letters/depths.ts";
import { DEFAULT_POLICY, putPolicy } from "../postgres/dead-letters/policies.ts";
import { tenantTables } from "../postgres/events/purge.ts";
import { createPurgeStep } from "./purge.ts";

async function fillTenant(database: Database, tenantId: string): Promise<void> {
  await deployed(database, tenantId, "f");
  await accepted(database, tenantId, [1, 2, 3, 4, 5]);
  await insertDeadLetters(database, { tenantId, count: 12 });
  await foldDeadLetterChanges(database.pipeline, 100);
  await insertDeadLetters(database, { tenantId, count: 3 });
  await openAlerts(database.pipeline, [{ tenantId, kind: "k", subject: "", message: "m" }]);
  await database.transaction((transaction) => putPolicy(transaction, tenantId, DEFAULT_POLICY));
  const query = (text: string) => database.pipeline.query({ text, values: [tenantId] });
  await query("INSERT INTO connectors (id) VALUES ($1)");
  await query("INSERT INTO endpoints (tenant_id, connector, endpoint) VALUES ($1, $1, 'default')");
  await query(
    "INSERT INTO api_keys (name, tenant_id, scope, key_hash) VALUES ('k', $1, 'read', convert_to($1, 'UTF8'))",
  );
  await query(
    "INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, state, visible_at) SELECT uuid7(clock_us()), $1, 'f', 1, id, 2, 'queued', now() FROM events WHERE tenant_id = $1",
  );
  await query(
    "INSERT INTO attempts (run_id, attempt, tenant_id, outcome, started_at, finished_at) SELECT id, 1, $1, 'retry', now(), now() FROM runs WHERE tenant_id = $1",
  );
  await query(
    "INSERT INTO verdicts (event_id, tenant_id, status) SELECT id, $1, 'routed' FROM events WHERE tenant_id = $1",
  );
}

/** Returns the number of rows of a tenant by table, without empty tables. */
async function rowsOf(database: Database, tenantId: string): Promise<Record<string, number>> {
  const names = [
    ...(await tenantTables(database.pipeline)).map((table) => table.name),
    ...["events", "verdicts", "runs", "attempts", "run_steps", "run_logs"],
  ];
  const counts: Record<string, number> = {};
  for (const name of names) {
    const text = `SELECT count(*)::int AS count FROM ${name} WHERE tenant_id = $1`;
    const [row] = await database.pipeline.query<{ count: number }>({ text, values: [tenantId] });
    if (row !== undefined && row.count > 0) counts[name] = row.count;
  }
  return counts;
}

async function purge(database: Database, settleMs = 0): Promise<string[]> {
  const purged: string[] = [];
  const step = createPurgeStep({
    database: database.pipeline,
    bounds: { batchSize: 2, settleMs, intervalMs: 1_000 },
    onPurged: (tenantId) => void purged.push(tenantId),
  });
  while ((await step(new AbortController().signal)).waitMs === 0);
  return purged;
}

describe("a deleted tenant", () => {
  test("a deleted tenant is purged from every table, and its id can be reused", async () => {
    const { database } = await migratedDatabase();
    for (const tenantId of ["acme", "globex"]) await fillTenant(database, tenantId);
    const before = await rowsOf(database, "globex");
    expect(Object.keys(before).length).toBeGreaterThan(14);
    expect(await purge(database)).toEqual([]);
    await database.transaction((transaction) => deleteTenant(transaction, "acme"));
    expect(await purge(database)).toEqual(["acme"]);
    expect(await rowsOf(database, "acme")).toEqual({});
    expect(await rowsOf(database, "globex")).toEqual(before);
    expect(await database.pipeline.query({ text: "SELECT id FROM tenants ORDER BY id" })).toEqual([
      { id: "globex" },
    ]);
  });

  test("concurrent steps purge a deleted tenant once, also while counters are folded", async () => {
    const { database } = await migratedDatabase();
    await fillTenant(database, "acme");
    await database.transaction((transaction) => deleteTenant(transaction, "acme"));
    let done = false;
    const folding = (async () => {
      while (!done) await foldDeadLetterChanges(database.pipeline, 3);
    })();
    const purged = await Promise.all([purge(database), purge(database), purge(database)]);
    expect(purged.flat()).toEqual(["acme"]);
    done = true;
    await folding;
    expect(await rowsOf(database, "acme")).toEqual({});
    expect(await database.pipeline.query({ text: "SELECT FROM tenants" })).toEqual([]);
  });

  test("a deleted tenant is not purged before its running work has had time to end", async () => {
    const { database } = await migratedDatabase();
    await fillTenant(database, "acme");
    await database.transaction((transaction) => deleteTenant(transaction, "acme"));
    const before = await rowsOf(database, "acme");
    expect(await purge(database, 60_000)).toEqual([]);
    expect(await rowsOf(database, "acme")).toEqual(before);
  });
});
