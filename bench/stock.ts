import type { ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { startTemporaryStores, type TemporaryStores } from "../test/support/temporary-stores.ts";
import { prepareDeliveries } from "./deliveries.ts";
import { openLoop, type PreparedRequest, percentile } from "./load.ts";
import { end, type Row, ready, refuseFailures, row, setUp, startServer } from "./servers.ts";

const PER_SECOND = 150;
const DURATION_MS = 20_000;
const CONNECTIONS = 32;

/**
 * A steady load on the machine's own PostgreSQL with the defaults of its package, compared with the embedded one:
 * every delivery gets 200, every event is routed, and latency is at most doubled.
 */
export async function benchStock(): Promise<Row[]> {
  const worlds: World[] = [];
  try {
    for (const kind of [true, false]) worlds.push(await startWorld(kind));
    const [stock, embedded] = worlds as [World, World];
    // Runs each once in advance, so that neither is measured with cold plans and pages.
    for (const world of worlds) await load(world, 3_000);
    const embeddedMs = await load(embedded, DURATION_MS);
    const stockMs = await load(stock, DURATION_MS);
    const p99 = { stock: percentile(stockMs, 0.99), embedded: percentile(embeddedMs, 0.99) };
    return [
      row("steady 150/s: answer p99, stock PostgreSQL", p99.stock, "ms"),
      row("steady 150/s: answer p99, embedded PostgreSQL", p99.embedded, "ms"),
      row("steady 150/s: p99 stock / embedded", p99.stock / p99.embedded, "ratio", { atMost: 2 }),
      row(
        "steady 150/s: events lost, stock",
        stockMs.length - (await routed(stock, stockMs.length)),
        "events",
        {
          atMost: 0,
        },
      ),
    ];
  } finally {
    for (const world of worlds) {
      await end(world.server);
      await world.stores.remove();
    }
  }
}

interface World {
  stores: TemporaryStores;
  server: ChildProcess;
  port: number;
}

async function startWorld(stock: boolean): Promise<World> {
  const stores = await startTemporaryStores({ stock });
  const port = await freePort();
  const server = startServer(stores, "api,receive,relay,route,execute,poll,schedule,maintain", port);
  const world = { stores, server, port };
  try {
    await ready(port);
    await setUp(port);
    return world;
  } catch (error) {
    await end(server);
    await stores.remove();
    throw error;
  }
}

async function load({ port }: World, durationMs: number): Promise<number[]> {
  const prepared = prepareDeliveries(Math.ceil((PER_SECOND * durationMs) / 1_000));
  const { answers } = await openLoop({
    port,
    connections: CONNECTIONS,
    perSecond: PER_SECOND,
    durationMs,
    next: () => prepared() as PreparedRequest,
  });
  refuseFailures(answers);
  return answers.map((answer) => answer.latencyMs);
}

/** Counts the latest events with a successful run, once nothing waits. */
async function routed({ stores }: World, latest: number): Promise<number> {
  const client = new pg.Client(stores.databaseUrl);
  await client.connect();
  try {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
      const { rows } = await client.query(
        `SELECT count(*)::int AS done FROM (SELECT id FROM events ORDER BY id DESC LIMIT $1) e
          WHERE EXISTS (SELECT FROM runs r WHERE r.event_id = e.id AND r.state = 'succeeded')`,
        [latest],
      );
      if (rows[0].done === latest) return latest;
      await delay(200);
    }
    return 0;
  } finally {
    await client.end();
  }
}
