import type { ChildProcess } from "node:child_process";
import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { bullMqPerSecond } from "./bullmq.ts";
import { HTTP_FLOW_TYPE, prepareDeliveries } from "./deliveries.ts";
import { type Answered, closedLoop, openLoop, type PreparedRequest, percentile } from "./load.ts";
import {
  answeredPerSecond,
  type BenchStores,
  CONNECTIONS,
  end,
  latencyRows,
  listening,
  type Row,
  ready,
  refuseFailures,
  row,
  setUp,
  startReference,
  startServer,
  startSink,
  usageRows,
} from "./servers.ts";
import { measureStoreWork } from "./store-work.ts";
import { measureUsage, type Usage } from "./usage.ts";

const ROUND_MS = 4_000;
const ROUNDS = 3;
/** More requests than any server answers in a round. */
const DELIVERIES_PER_ROUND = 120_000;
const PORTS = {
  reference: await freePort(),
  receive: await freePort(),
  work: await freePort(),
  sink: await freePort(),
};

/** The two processes of the chain: one receives and publishes, the other routes and executes. */
const RECEIVING = "api,receive,relay";
const WORKING = "route,execute,maintain";

/**
 * End-to-end events per second as a ratio to the reference and to plain BullMQ, latency and cost: with every run in
 * BullMQ, the default, and with local runs. The bars were set for local runs.
 */
export async function benchPipeline(stores: BenchStores): Promise<Row[]> {
  const database = new pg.Pool({ connectionString: stores.databaseUrl, max: 2 });
  const children: ChildProcess[] = [];
  const run = (child: ChildProcess) => {
    children.push(child);
    return child;
  };
  try {
    const plainBefore = await bullMqPerSecond(stores.redisUrl);
    const receiving = run(startServer(stores, RECEIVING, PORTS.receive));
    run(startSink(PORTS.sink));
    const chains: Chain[] = [];
    for (const localRuns of ["0", "1"]) {
      const settings = { HEADRACE_LOCAL_RUNS: localRuns };
      const working = run(startServer(stores, WORKING, PORTS.work, settings));
      await Promise.all([ready(PORTS.receive), ready(PORTS.work), listening(PORTS.sink)]);
      if (chains.length === 0) await setUp(PORTS.receive, `http://127.0.0.1:${PORTS.sink}/`);
      chains.push(
        await measureLoads((load) => measureChain(database, stores, [receiving, working], load), database),
      );
      await end(working);
    }
    await end(receiving);
    run(startReference(PORTS.reference));
    await listening(PORTS.reference);
    // Measured before and after, since the speed of the machine varies.
    const plain = (plainBefore + (await bullMqPerSecond(stores.redisUrl))) / 2;
    const { perSecond: reference } = await answeredPerSecond(PORTS.reference, ROUND_MS);
    const [bullMq, local] = chains as [Chain, Chain];
    return [
      row("reference: verified, nothing stored", reference, "req/s"),
      row("plain BullMQ: added and processed", plain, "jobs/s"),
      ...withoutBars(chainRows(bullMq, { reference, plain })),
      ...chainRows(local, { reference, plain }).map((one) => ({ ...one, name: `local runs: ${one.name}` })),
    ];
  } finally {
    await Promise.all(children.map(end));
    await database.end();
  }
}

/** Figures of one chain under each load. */
interface Chain {
  saturated: ChainFigures;
  /** Rounds at half of the saturated rate, and at 100 events per second. */
  half: ChainFigures[];
  low: ChainFigures[];
  /** Saturated with a flow over HTTP. */
  http: ChainFigures;
}

async function measureLoads(
  measure: (load: Load) => Promise<ChainFigures>,
  database: pg.Pool,
): Promise<Chain> {
  const flood = (durationMs: number, next: () => PreparedRequest | undefined) => () =>
    closedLoop({ port: PORTS.receive, connections: CONNECTIONS, durationMs, next });
  const steady = (perSecond: number, durationMs: number) => {
    // Signed in advance, so that signing does not count as a cost of events.
    const prepared = prepareDeliveries(Math.ceil((perSecond * durationMs) / 1_000));
    const next = () => prepared() as PreparedRequest;
    return () => openLoop({ port: PORTS.receive, connections: CONNECTIONS, perSecond, durationMs, next });
  };
  const rounds = async (perSecond: number, durationMs: number) => {
    const measured: ChainFigures[] = [];
    for (let round = 0; round < ROUNDS; round += 1)
      measured.push(await measure(steady(perSecond, durationMs)));
    return measured;
  };
  // A backlog of three seconds is processed first: its dead rows stay in the tables.
  await flood(3_000, prepareDeliveries(60_000))();
  await drained(database);
  const saturated = await measure(flood(2 * ROUND_MS, prepareDeliveries(DELIVERIES_PER_ROUND)));
  const half = await rounds(saturated.perSecond / 2, 2 * ROUND_MS);
  const low = await rounds(100, 10_000);
  const http = await measure(flood(ROUND_MS, prepareDeliveries(DELIVERIES_PER_ROUND, HTTP_FLOW_TYPE)));
  return { saturated, half, low, http };
}

function chainRows(
  { saturated, half, low, http }: Chain,
  { reference, plain }: { reference: number; plain: number },
): Row[] {
  const postgresAtLow = percentile(
    low.map(({ usage }) => usage["postgres"]?.cores ?? Number.NaN),
    0.5,
  );
  return [
    row("end to end, saturated", saturated.perSecond, "events/s"),
    row("end to end / reference", saturated.perSecond / reference, "ratio", { atLeast: 0.18 }),
    row("end to end / plain BullMQ", saturated.perSecond / plain, "ratio", { atLeast: 0.5 }),
    row("end to end, saturated, p50", percentile(saturated.latencies, 0.5), "ms"),
    row("end to end, saturated, p99", percentile(saturated.latencies, 0.99), "ms"),
    row("statements per event, saturated", saturated.statements, "each"),
    row("WAL per event of 1 KiB, saturated", saturated.walBytes, "bytes"),
    ...usageRows("end to end, saturated", saturated.usage),
    // Includes the flow hosts, which are children of the process that executes.
    row("CPU per event of a code flow, saturated", cpuMicroseconds(saturated), "us"),
    row("CPU per event of an HTTP flow, saturated", cpuMicroseconds(http), "us"),
    row("HTTP flow, saturated", http.perSecond, "events/s"),
    row("HTTP flow / reference", http.perSecond / reference, "ratio"),
    row("statements per event, HTTP flow", http.statements, "each"),
    ...latencyRows("end to end at half of that", latenciesOf(half), { p99: 60 }),
    ...latencyRows("end to end at 100/s", latenciesOf(low), { p50: 6, p99: 20 }),
    ...latencyRows(
      "response at 100/s",
      low.map(({ answers }) => answers),
    ),
    ...usageRows("end to end at 100/s", low.at(-1)?.usage ?? {}),
    row("of that, PostgreSQL", postgresAtLow, "cores", { atMost: 0.15 }),
  ];
}

function withoutBars(rows: readonly Row[]): Row[] {
  return rows.map(({ name, value, unit }) => ({ name, value, unit }));
}

function latenciesOf(rounds: readonly ChainFigures[]): number[][] {
  return rounds.map(({ latencies }) => latencies);
}

/** CPU time per event in the processes of Headrace, µs. */
function cpuMicroseconds({ usage, events }: ChainFigures): number {
  const seconds = ["receive", "work"].reduce(
    (sum, group) => sum + (usage[group]?.cpuSeconds ?? Number.NaN),
    0,
  );
  return (seconds / events) * 1_000_000;
}

type Load = () => Promise<{ answers: Answered[] }>;

interface ChainFigures {
  events: number;
  perSecond: number;
  /** From sending a request, or its due time, to the end of its run in PostgreSQL, ms. */
  latencies: number[];
  answers: number[];
  /** The cost of one event. */
  statements: number;
  walBytes: number;
  usage: Record<string, Usage>;
}

async function measureChain(
  database: pg.Pool,
  stores: Pick<BenchStores, "pids">,
  processes: ChildProcess[],
  load: Load,
): Promise<ChainFigures> {
  const [receive, work] = processes.map((child) => child.pid as number);
  const usage = measureUsage({
    receive: [receive as number],
    work: [work as number],
    postgres: [stores.pids().postgres],
    redis: [stores.pids().redis],
  });
  const storeWork = await measureStoreWork(database);
  const { answers } = await load();
  await drained(database);
  const used = usage();
  const { statements, walBytes } = await storeWork();
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
    events: rows.length,
    perSecond: (rows.length / elapsedMs) * 1_000,
    latencies: rows.map((run) => Number(run.finished_ms) - (sentAt.get(run.event_id) ?? Number.NaN)),
    answers: answers.map((answer) => answer.latencyMs),
    statements: statements / rows.length,
    walBytes: walBytes / rows.length,
    usage: used,
  };
}

/** Waits until every event is routed and every run has ended. */
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
