import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { putAndDeploy } from "../support/tenant.ts";

beforeAll(builtProgram);

const BACKLOG = 200_000;
const URGENT = 200;
/** The time between two urgent events. */
const PACE_MS = 50;

test("a backlog of 200,000 polled events does not delay user-started runs, and keeps draining", {
  timeout: 180_000,
}, async () => {
  const { start, databaseUrl } = await createInstallation(await privateStores());
  const headrace = await start({ env: { HEADRACE_FLOWS_DIR: "bench/flows" } });
  for (const tenant of ["bulk", "acme"]) {
    await api(headrace.url, "PUT", `/tenants/${tenant}`, {});
    const flow = { trigger: {}, action: { type: "code", handler: "noop" } };
    await putAndDeploy(headrace.url, tenant, "noop", flow);
  }
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  onTestFinished(() => database.end());
  await acceptMany(database, "bulk", BACKLOG);
  const before = await finished(database);
  const startedMs = performance.now();
  for (let sent = 0; sent < URGENT; sent += 1) {
    await api(headrace.url, "POST", "/tenants/acme/events", { type: "t", data: { sent } });
    await delay(PACE_MS);
  }
  await expect.poll(async () => (await finished(database)).urgent, { timeout: 30_000 }).toBe(URGENT);
  const seconds = (performance.now() - startedMs) / 1_000;
  const after = await finished(database);
  const { rows } = await database.query<{ p50: number; p99: number }>(
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99
       FROM (SELECT extract(epoch FROM r.started_at - e.received_at) * 1000 AS ms
         FROM runs r JOIN events e ON e.id = r.event_id WHERE r.lane = 1) latencies`,
  );
  const perSecond = Math.round((after.polled - before.polled) / seconds);
  console.info(
    `priorities: P1 from accept to run start p50 ${Math.round(rows[0]?.p50 ?? 0)} ms, p99 ${Math.round(rows[0]?.p99 ?? 0)} ms; ` +
      `P4 ${perSecond} runs/s beside them, ${BACKLOG - after.polled} still waiting`,
  );
  expect(after.polled).toBeLessThan(BACKLOG);
  expect(perSecond).toBeGreaterThan(0);
  // Behind the backlog they would wait for more than a minute.
  expect(rows[0]?.p99).toBeLessThan(2_000);
});

/** Inserts events of the lowest lane and their outbox rows, as the accepting statement does. */
async function acceptMany(database: pg.Pool, tenant: string, count: number): Promise<void> {
  await database.query(
    `WITH made AS (
      INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, received_at, delivery_key,
        flows_counter, payload)
      SELECT uuid7(clock_us() + n), $1, 'api', 'default', 't', 'poll', 4, now(), 'n:' || n,
        (SELECT value FROM change_counters WHERE name = 'flows'), convert_to('{"n":' || n || '}', 'UTF8')
      FROM generate_series(1, $2::int) n RETURNING id
    ) INSERT INTO outbox (event_id, tenant_id, lane) SELECT id, $1, 4 FROM made`,
    [tenant, count],
  );
}

async function finished(database: pg.Pool): Promise<{ urgent: number; polled: number }> {
  const { rows } = await database.query<{ urgent: number; polled: number }>(
    `SELECT count(*) FILTER (WHERE lane = 1)::int AS urgent, count(*) FILTER (WHERE lane = 4)::int AS polled
     FROM runs WHERE state = 'succeeded'`,
  );
  return rows[0] ?? { urgent: 0, polled: 0 };
}
