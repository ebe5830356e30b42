import pg from "pg";
import type { Priority } from "../src/domain/priority.ts";
import { freePort } from "../src/embedded/free-port.ts";
import { openDatabase } from "../src/postgres/core/database.ts";
import { claimOutbox } from "../src/postgres/events/outbox.ts";
import { type BenchStores, end, type Row, ready, row, startServer } from "./servers.ts";

const EVENTS = 100_000;
const TENANTS = 10_000;
const CLAIM = { batchSize: 500, maxTenants: 64, leaseMs: 60_000 };
const LANE: Priority = 2;

/** Measures the fair claim per event, with ten thousand tenants and with one, and the memory of the relay. */
export async function benchDispatch(stores: BenchStores): Promise<Row[]> {
  const port = await freePort();
  // Creates the schema.
  const migrated = startServer(stores, "api", port);
  await ready(port);
  await end(migrated);
  const many = await claimMicroseconds(stores.databaseUrl, TENANTS);
  const one = await claimMicroseconds(stores.databaseUrl, 1);
  return [
    row(`dispatch among ${TENANTS.toLocaleString("en")} tenants`, many, "µs/event"),
    row("dispatch with one tenant", one, "µs/event"),
    row("among many / with one", many / one, "ratio", { atMost: 3 }),
  ];
}

async function claimMicroseconds(databaseUrl: string, tenants: number): Promise<number> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query("TRUNCATE outbox");
  await client.query(
    `INSERT INTO outbox (event_id, tenant_id, lane)
      SELECT uuid7(clock_us() + n), 't' || n % $1::int, $2 FROM generate_series(1, $3::int) n`,
    [tenants, LANE, EVENTS],
  );
  await client.query("VACUUM ANALYZE outbox");
  await client.end();
  const database = openDatabase({
    url: databaseUrl,
    maxIngestConnections: 1,
    maxPipelineConnections: 1,
    maxApiConnections: 1,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    onError() {},
    maxTenantConnections: 1,
    maxConnectionWaitMs: 60_000,
    maxWaitingTransactions: 10,
    maxAccessConnections: 1,
    transactionStatementTimeoutMs: 120_000,
  });
  try {
    let afterTenants = new Map<Priority, string>();
    let claimed = 0;
    const startedMs = performance.now();
    while (claimed < EVENTS / 2) {
      const budgets = new Map([[LANE, CLAIM.batchSize]]);
      const { events, nextAfter } = await claimOutbox(database.pipeline, { ...CLAIM, budgets, afterTenants });
      claimed += events.length;
      afterTenants = nextAfter;
    }
    return ((performance.now() - startedMs) * 1_000) / claimed;
  } finally {
    await database.close();
  }
}
