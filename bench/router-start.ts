import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { type BenchStores, end, type Row, ready, row, startServer } from "./servers.ts";
import { measureUsage } from "./usage.ts";

const TRIGGERS = 100_000;

/** The time from a router's start until it is ready, without triggers and with many. */
export async function benchRouterStart(stores: BenchStores): Promise<Row[]> {
  // The first start creates the schema.
  await readyAfter(stores);
  const empty = await readyAfter(stores);
  await deployMany(stores.databaseUrl);
  const full = await readyAfter(stores);
  return [
    row("router without triggers: ready after", empty.ms, "ms"),
    row(`router with ${TRIGGERS.toLocaleString("en")} triggers: ready after`, full.ms, "ms"),
    row("  of that for loading them", full.ms - empty.ms, "ms", { atMost: 5_000 }),
    row("CPU time of the router for loading them", full.cpuMs - empty.cpuMs, "ms"),
  ];
}

async function readyAfter(stores: BenchStores): Promise<{ ms: number; cpuMs: number }> {
  const port = await freePort();
  const startedMs = performance.now();
  const router = startServer(stores, "route", port);
  try {
    const used = measureUsage({ router: [router.pid as number] });
    await ready(port);
    const ms = performance.now() - startedMs;
    return { ms, cpuMs: (used()["router"]?.cores ?? 0) * ms };
  } finally {
    await end(router);
  }
}

/** Deploys flows of a hundred tenants, each with its own condition. */
async function deployMany(databaseUrl: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query(`
      INSERT INTO tenants (id) SELECT 't' || n FROM generate_series(0, 99) n;
      INSERT INTO flows (tenant_id, id, version, deployed_version, signing_sealed, signing_key_id)
        SELECT 't' || n % 100, 'f' || n, 1, 1, '', '' FROM generate_series(1, ${TRIGGERS}) n;
      INSERT INTO flow_versions (tenant_id, flow_id, version, definition)
        SELECT 't' || n % 100, 'f' || n, 1, jsonb_build_object(
          'trigger', jsonb_build_object('event_types', jsonb_build_array('order.*'), 'where',
            jsonb_build_object('op', 'eq', 'path', 'customer', 'value', 'c' || n)),
          'action', jsonb_build_object('type', 'code', 'handler', 'noop'), 'retry', '{}'::jsonb)
        FROM generate_series(1, ${TRIGGERS}) n;
      INSERT INTO deployments (tenant_id, flow_id, version, deployed_from)
        SELECT 't' || n % 100, 'f' || n, 1, 1 FROM generate_series(1, ${TRIGGERS}) n;
      ANALYZE;`);
  } finally {
    await client.end();
  }
}
