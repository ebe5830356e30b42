import type { ChildProcess } from "node:child_process";
import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { nextDelivery, prepareDeliveries } from "./deliveries.ts";
import { type Answered, closedLoop, openLoop, percentile } from "./load.ts";
import {
  answeredPerSecond,
  type BenchStores,
  CONNECTIONS,
  end,
  listening,
  type Row,
  ready,
  refuseFailures,
  row,
  setUp,
  startReference,
  startServer,
  usageRows,
} from "./servers.ts";
import { measureUsage, type Usage } from "./usage.ts";

const ROUND_MS = 4_000;
/** More than any server here answers in a round. */
const DELIVERIES_A_ROUND = 120_000;
const PORTS = { reference: await freePort(), receive: await freePort(), work: await freePort() };

/** The two processes of the chain: who receives also publishes, the other routes and executes. */
const RECEIVING = "api,receive,relay";
const WORKING = "route,execute,maintain";

/** End-to-end events a second as a ratio to the reference; latency; what it costs. */
export async function benchPipeline(stores: BenchStores): Promise<Row[]> {
  const database = new pg.Pool({ connectionString: stores.databaseUrl, max: 2 });
  const children: ChildProcess[] = [];
  const run = (roles: string, port: number) => {
    const child = startServer(stores, roles, port);
    children.push(child);
    return child;
  };
  try {
    // A backlog of three seconds is worked off first: its leftovers stay in the tables.
    const receiving = run(RECEIVING, PORTS.receive);
    const working = run(WORKING, PORTS.work);
    await Promise.all([ready(PORTS.receive), ready(PORTS.work)]);
    await setUp(PORTS.receive);
    await closedLoop({
      port: PORTS.receive,
      connections: CONNECTIONS,
      durationMs: 3_000,
      next: prepareDeliveries(60_000),
    });
    await drained(database);

    const flood = prepareDeliveries(DELIVERIES_A_ROUND);
    const saturated = await measureChain(database, stores, [receiving, working], () =>
      closedLoop({ port: PORTS.receive, connections: CONNECTIONS, durationMs: 2 * ROUND_MS, next: flood }),
    );
    const low = await measureChain(database, stores, [receiving, working], () =>
      openLoop({
        port: PORTS.receive,
        connections: CONNECTIONS,
        perSecond: 100,
        durationMs: 10_000,
        next: nextDelivery,
      }),
    );
    await end(receiving);
    children.push(startReference(PORTS.reference));
    await listening(PORTS.reference);
    const reference = await answeredPerSecond(PORTS.reference, ROUND_MS);
    return [
      row("reference: verified, nothing stored", reference, "req/s"),
      row("end to end, saturated", saturated.perSecond, "events/s"),
      row("end to end / reference", saturated.perSecond / reference, "ratio", { atLeast: 0.14 }),
      row("end to end, saturated, p50", percentile(saturated.latencies, 0.5), "ms"),
      row("end to end, saturated, p99", percentile(saturated.latencies, 0.99), "ms"),
      ...usageRows("end to end, saturated", saturated.usage),
      row("end to end at 100/s, p50", percentile(low.latencies, 0.5), "ms", { atMost: 12 }),
      row("end to end at 100/s, p99", percentile(low.latencies, 0.99), "ms"),
      row("answer at 100/s, p50", percentile(low.answers, 0.5), "ms"),
      row("answer at 100/s, p99", percentile(low.answers, 0.99), "ms"),
      ...usageRows("end to end at 100/s", low.usage),
    ];
  } finally {
    await Promise.all(children.map(end));
    await database.end();
  }
}

interface ChainFigures {
  perSecond: number;
  /** From when a request was sent, or due, to when its run was finished in PostgreSQL, ms. */
  latencies: number[];
  answers: number[];
  usage: Record<string, Usage>;
}

async function measureChain(
  database: pg.Pool,
  stores: Pick<BenchStores, "pids">,
  processes: ChildProcess[],
  load: () => Promise<{ answers: Answered[] }>,
): Promise<ChainFigures> {
  const [receive, work] = processes.map((child) => child.pid as number);
  const usage = measureUsage({
    receive: [receive as number],
    work: [work as number],
    postgres: [stores.pids().postgres],
    redis: [stores.pids().redis],
  });
  const { answers } = await load();
  await drained(database);
  const used = usage();
  refuseFailures(answers);
  const sentAt = new Map(
    answers.map((answer) => [JSON.parse(answer.body).event_id as string, answer.sentAtMs]),
  );
  const { rows } = await database.query(
    "SELECT event_id, extract(epoch FROM finished_at) * 1000 AS finished_ms FROM runs WHERE state = 'succeeded' AND event_id = ANY ($1::uuid[])",
    [[...sentAt.keys()]],
  );
  if (rows.length !== sentAt.size)
    throw new Error(`${sentAt.size} events were accepted, ${rows.length} runs succeeded`);
  const finished = rows.map((run) => Number(run.finished_ms));
  const elapsedMs = maximum(finished) - minimum([...sentAt.values()]);
  return {
    perSecond: (rows.length / elapsedMs) * 1_000,
    latencies: rows.map((run) => Number(run.finished_ms) - (sentAt.get(run.event_id) ?? Number.NaN)),
    answers: answers.map((answer) => answer.latencyMs),
    usage: used,
  };
}

/** Waits until every event is routed and every run ended. */
async function drained(database: pg.Pool): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { rows } = await database.query(`SELECT NOT EXISTS (SELECT FROM outbox)
      AND NOT EXISTS (SELECT FROM runs WHERE state IN ('queued', 'running', 'failed')) AS idle`);
    if (rows[0].idle) return;
    if (Date.now() > deadline) throw new Error("The backlog was not worked off in two minutes");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function maximum(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

function minimum(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}
