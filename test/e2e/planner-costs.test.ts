import { closeSync, openSync, readSync, statSync } from "node:fs";
import pg from "pg";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import type { TemporaryStores } from "../support/temporary-stores.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

/** The default cost above which PostgreSQL compiles a statement. */
const JIT_ABOVE_COST = 100_000;

/** Logs every plan, including those of statements inside functions. */
const EXPLAINED = {
  session_preload_libraries: "auto_explain",
  "auto_explain.log_min_duration": "0",
  "auto_explain.log_nested_statements": "on",
  "auto_explain.log_format": "json",
  log_line_prefix: "'{%a} '",
  // A log file that is not rotated while it is read.
  logging_collector: "on",
  log_filename: "'plans.log'",
  log_rotation_size: "0",
  log_rotation_age: "0",
  // Only the test changes statistics.
  autovacuum: "off",
};

beforeAll(builtProgram);

test("no statement of the pipeline costs enough for JIT, with and without rows and statistics", {
  timeout: 180_000,
}, async () => {
  const stores = await privateStores();
  await administer(
    stores,
    "LOAD 'auto_explain'",
    ...Object.entries(EXPLAINED).map(([name, value]) => `ALTER SYSTEM SET ${name} = ${value}`),
  );
  await stores.postgres.restart();

  const costs = { empty: await costsOf(stores, 1), unanalysed: [] as Plan[], analysed: [] as Plan[] };
  await fill(stores, 100_000);
  costs.unanalysed = await costsOf(stores, 2);
  await administer(stores, "ANALYZE");
  costs.analysed = await costsOf(stores, 3);

  for (const [state, plans] of Object.entries(costs)) {
    const statements = plans.filter(({ application }) => /^headrace-(receive|pipeline)$/.test(application));
    expect(statements.length, state).toBeGreaterThan(30);
    expect(
      statements.filter(({ cost }) => cost > JIT_ABOVE_COST),
      state,
    ).toEqual([]);
    expect(
      plans.filter(({ compiled }) => compiled),
      state,
    ).toEqual([]);
  }
});

interface Plan {
  application: string;
  statement: string;
  cost: number;
  compiled: boolean;
}

/** The most expensive plan of each statement that a process sent while it did everything. */
async function costsOf(stores: TemporaryStores, round: number): Promise<Plan[]> {
  const [row] = await administer(
    stores,
    "SELECT current_setting('data_directory') || '/log/plans.log' AS log",
  );
  const from = statSync(row.log).size;
  const headrace = await start(stores);
  await doEverything(headrace, round);
  await headrace.end("SIGTERM");
  return readPlans(row.log, from);
}

async function start(stores: TemporaryStores): Promise<HeadraceProcess> {
  const installation = await createInstallation(stores);
  return await installation.start({ env: { HEADRACE_DEMO: "1" } });
}

/** Deliveries, runs of every kind of flow, dead letters and their replays, polls, and the API's lists. */
async function doEverything(headrace: HeadraceProcess, round: number): Promise<void> {
  const { url } = headrace;
  const good = await serve((_request, response) => response.end());
  const bad = await serve((_request, response) => response.writeHead(500).end());
  const flow = (target: string, more: object = {}) => ({
    trigger: { connector: "shop", event_types: ["order.*"] },
    action: { type: "http", url: target },
    retry: { max_attempts: 1 },
    ...more,
  });
  const { webhookPath } = await setUpTenant(url, "acme", {
    good: flow(good.url),
    failing: flow(bad.url),
    limited: flow(good.url, { concurrency: 1, order_by: "data.id" }),
  });
  for (let n = 0; n < 8; n += 1) {
    const type = n === 7 ? "nobody.asked" : "order.paid";
    for (const _again of [1, 2]) {
      const got = await deliver(`${url}${webhookPath}`, { id: `${round}-${n}`, type, data: { id: "o1" } });
      expect(got?.status).toBe(200);
    }
  }
  const list = async (what: string) =>
    ((await api(url, "GET", `/tenants/acme/${what}`)) as { items: { id: string }[] }).items;
  await until("the runs are done", async () => (await list("runs?status=queued")).length === 0);
  await until("there are dead letters", async () => (await list("dlq?status=pending")).length > 0);
  const [letter] = await list("dlq?status=pending&flow=failing");
  await api(url, "POST", `/tenants/acme/dlq/${letter?.id}/replay`, {});
  await api(url, "POST", "/tenants/acme/dlq/replay", { filter: { flow: "failing" } });
  await api(url, "POST", "/tenants/acme/flows/good/run", { data: { n: 1 } });
  await api(url, "POST", "/tenants/acme/sources/demo-orders/poll?wait=true").catch(() => {});
  for (const what of ["events", "events?status=dead", "runs", "dlq", "dlq/groups", "rejections", "alerts"])
    await list(what);
  await fetch(`${url}/metrics`);
}

/** Copies rows of the tables that grow with the traffic. */
async function fill(stores: TemporaryStores, count: number): Promise<void> {
  const id = "uuid7(clock_us() + n)";
  const copies: [table: string, own: Record<string, string>, where?: string][] = [
    ["events", { id }],
    ["verdicts", { event_id: id }],
    ["runs", { id, event_id: id }, "state = 'succeeded'"],
    ["attempts", { run_id: id }],
    ["event_keys", { key: "n::text", event_id: id }],
    ["dead_letters", { id, event_id: id, run_id: "NULL", replay_run_id: "NULL" }],
    // Another tenant's, since ordered runs wait for unrouted events of their own tenant.
    ["outbox", { event_id: id, tenant_id: "'other'", visible_at: "now() + interval '1 day'" }],
  ];
  await administer(
    stores,
    "INSERT INTO outbox (event_id, tenant_id, lane, visible_at) SELECT id, 'other', 2, now() + interval '1 day' FROM events LIMIT 1",
    ...copies.map(
      ([table, own, where = "true"]) => `DO $$ DECLARE names text; values text; BEGIN
        SELECT string_agg(quote_ident(column_name), ', '),
          string_agg(coalesce('${JSON.stringify(own).replaceAll("'", "''")}'::jsonb ->> column_name, quote_ident(column_name)), ', ')
        INTO names, values FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = '${table}' AND is_generated = 'NEVER';
        EXECUTE format($q$INSERT INTO ${table} (%s) SELECT %s FROM (SELECT * FROM ${table} WHERE ${where} LIMIT 1) one,
          generate_series(1, ${count}) n$q$, names, values);
      END $$`,
    ),
  );
}

/** Runs statements in the installation's database without logging, and returns the rows of the last one. */
async function administer(stores: TemporaryStores, ...statements: string[]) {
  const url = new URL(stores.superuserUrl);
  url.pathname = new URL(stores.databaseUrl).pathname;
  const client = new pg.Client(url.href);
  await client.connect();
  try {
    await client.query("SET auto_explain.log_min_duration = -1");
    let rows: { log: string }[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows as [{ log: string }];
  } finally {
    await client.end();
  }
}

function readPlans(log: string, from: number): Plan[] {
  const file = openSync(log, "r");
  const buffer = Buffer.alloc(statSync(log).size - from);
  readSync(file, buffer, 0, buffer.length, from);
  closeSync(file);
  const dearest = new Map<string, Plan>();
  for (const entry of buffer.toString().split(/^(?=\{[^}]*\} LOG:)/m)) {
    const found =
      /^\{([^}]*)\} LOG: {2}duration: .*?plan:\s+\{\s+"Query Text": "((?:[^"\\]|\\.)*)".*?"Total Cost": ([\d.]+)/s.exec(
        entry,
      );
    if (found === null) continue;
    const [, application = "", text = "", cost] = found;
    const statement = text.replaceAll(/\\[nt]|\s+/g, " ").trim();
    const plan = { application, statement, cost: Number(cost), compiled: entry.includes('"JIT"') };
    if (plan.cost >= (dearest.get(statement)?.cost ?? 0)) dearest.set(statement, plan);
  }
  return [...dearest.values()];
}
