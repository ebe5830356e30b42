import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { LANES, type Priority } from "../src/domain/priority.ts";
import { freePort } from "../src/embedded/free-port.ts";
import { type BenchStores, callApi, end, type Row, ready, row, startServer } from "./servers.ts";

/** Runs of one tenant whose target never answers. */
const HANGING = 5_000;
const EVENTS_PER_CALL = 1_000;
/** Events per second of the other tenant, one per call, and their duration. */
const RATE = 50;
const PHASE_MS = 6_000;
/** While they arrive, the relay bounds the backlog: a flood of runs that end would cost the same. */
const ARRIVAL_MS = 2_000;

/** The time in which the next heartbeat aborts the calls of cancelled runs. */
const SETTLE_MS = 5_000;

const ROLES = "api,receive,relay,route,execute,maintain";

/** Measures the cost of 5,000 hanging runs of one tenant to another, from accept to the end of its run, by lane. */
export async function benchHangingRuns(stores: BenchStores): Promise<Row[]> {
  const database = new pg.Pool({ connectionString: stores.databaseUrl, max: 2 });
  const target = await startHangingTarget();
  const port = await freePort();
  const server = startServer(stores, ROLES, port);
  try {
    await ready(port);
    await setUpTenant(port, "quiet", { type: "code", handler: "noop" });
    await quietPhase(port, "warm", 1, ARRIVAL_MS);
    const rows: Row[] = [];
    for (const lane of LANES) {
      const hog = `hog-${lane}`;
      const { port: targetPort } = target.address() as AddressInfo;
      await setUpTenant(port, hog, { type: "http", url: `http://127.0.0.1:${targetPort}/` });
      await quietPhase(port, `alone-${lane}`, lane, PHASE_MS);
      for (let sent = 0; sent < HANGING; sent += EVENTS_PER_CALL)
        await callApi(port, "POST", `/tenants/${hog}/events`, eventsOf("hang", lane, EVENTS_PER_CALL));
      await quietPhase(port, `arriving-${lane}`, lane, ARRIVAL_MS);
      await allRouted(database, hog);
      await quietPhase(port, `beside-${lane}`, lane, 2 * PHASE_MS);
      await cancelRuns(database, hog);
      await delay(SETTLE_MS);
      // Measured before and after, since the speed of the machine varies.
      await quietPhase(port, `alone-${lane}`, lane, PHASE_MS);
      const alone = await p99(database, `alone-${lane}`);
      const beside = await p99(database, `beside-${lane}`);
      rows.push(
        row(`P${lane} of a tenant alone, p99`, alone, "ms"),
        row(`P${lane} while hanging runs arrive, p99`, await p99(database, `arriving-${lane}`), "ms"),
        row(`P${lane} beside ${HANGING.toLocaleString("en")} hanging runs of another, p99`, beside, "ms"),
        row(`P${lane} beside hanging runs / alone`, beside / alone, "ratio", { atMost: 3 }),
      );
    }
    return rows;
  } finally {
    await end(server);
    target.closeAllConnections();
    target.close();
    await database.end();
  }
}

/** Accepts every request and never responds. */
async function startHangingTarget(): Promise<Server> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function setUpTenant(port: number, tenant: string, action: unknown): Promise<void> {
  await callApi(port, "PUT", `/tenants/${tenant}`, {});
  await callApi(port, "PUT", `/tenants/${tenant}/flows/f`, { trigger: {}, action });
  await callApi(port, "POST", `/tenants/${tenant}/flows/f/deploy`);
}

function eventsOf(type: string, priority: Priority, count: number): unknown[] {
  return Array.from({ length: count }, (_, n) => ({ type, data: { n }, priority }));
}

async function quietPhase(port: number, type: string, lane: Priority, durationMs: number): Promise<void> {
  const calls: Promise<void>[] = [];
  const startedMs = performance.now();
  for (let sent = 0; sent < (RATE * durationMs) / 1_000; sent += 1) {
    await delay(Math.max(0, startedMs + (sent * 1_000) / RATE - performance.now()));
    calls.push(callApi(port, "POST", "/tenants/quiet/events", eventsOf(type, lane, 1)));
  }
  await Promise.all(calls);
}

async function allRouted(database: pg.Pool, tenant: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { rows } = await database.query("SELECT count(*)::int AS runs FROM runs WHERE tenant_id = $1", [
      tenant,
    ]);
    if (rows[0].runs === HANGING) return;
    if (Date.now() > deadline)
      throw new Error(`Only ${rows[0].runs} of ${HANGING} runs were created in a minute`);
    await delay(100);
  }
}

/** Waits until all runs have ended, and returns the times from accept to the end of the run, ms. */
async function p99(database: pg.Pool, type: string): Promise<number> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { rows } = await database.query<{ waiting: number; p99: number }>(
      `SELECT count(*) FILTER (WHERE r.finished_at IS NULL)::int AS waiting,
         percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM r.finished_at - e.received_at) * 1000) AS p99
       FROM events e LEFT JOIN runs r ON r.event_id = e.id WHERE e.type = $1`,
      [type],
    );
    if (rows[0]?.waiting === 0) return rows[0].p99;
    if (Date.now() > deadline) throw new Error(`${rows[0]?.waiting} runs of ${type} have not ended`);
    await delay(200);
  }
}

async function cancelRuns(database: pg.Pool, tenant: string): Promise<void> {
  await database.query(
    `UPDATE runs SET state = 'cancelled', finished_at = now()
      WHERE tenant_id = $1 AND state IN ('queued', 'running', 'failed')`,
    [tenant],
  );
}
