import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { freePort } from "../src/embedded/free-port.ts";
import { nextDelivery, prepareDeliveries, SECRET } from "./deliveries.ts";
import { type Answered, closedLoop, openLoop, type PreparedRequest, percentile } from "./load.ts";
import { measureUsage, type Usage } from "./usage.ts";

export interface Row {
  name: string;
  value: number;
  unit: string;
  bar?: { atLeast?: number; atMost?: number };
}

const CONNECTIONS = 64;
const ROUND_MS = 4_000;
const ROUNDS = 3;
/** More than any server here answers in a round. */
const DELIVERIES_A_ROUND = 120_000;
const PORTS = { reference: await freePort(), receive: await freePort(), work: await freePort() };

/** The two processes of the chain: who receives also publishes, the other routes and executes. */
const RECEIVING = "api,receive,relay";
const WORKING = "route,execute,maintain";

const ADMIN_KEY = randomBytes(24).toString("base64url");
const ENCRYPTION_KEYS = `bench:${randomBytes(32).toString("base64")}`;

/** Accepted events a second and end-to-end events a second, as ratios to the reference; latency; what it costs. */
export async function benchPipeline(stores: {
  databaseUrl: string;
  redisUrl: string;
  pids: () => { postgres: number; redis: number };
}): Promise<Row[]> {
  const database = new pg.Pool({ connectionString: stores.databaseUrl, max: 2 });
  const children: ChildProcess[] = [];
  const run = (roles: string, port: number) => {
    const child = startServer(stores, roles, port);
    children.push(child);
    return child;
  };
  try {
    // A backlog of three seconds is worked off first: its leftovers stay in the tables.
    let receiving = run(RECEIVING, PORTS.receive);
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

    receiving = run("api,receive", PORTS.receive);
    await ready(PORTS.receive);
    children.push(startReference());
    await listening(PORTS.reference);
    const reference: number[] = [];
    const accepted: number[] = [];
    let acceptUsage: Record<string, Usage> = {};
    for (let round = 0; round < ROUNDS; round += 1) {
      reference.push(await answeredPerSecond(PORTS.reference, prepareDeliveries(DELIVERIES_A_ROUND)));
      const deliveries = prepareDeliveries(DELIVERIES_A_ROUND);
      const usage = measureUsage({
        node: [receiving.pid as number],
        postgres: [stores.pids().postgres],
        redis: [stores.pids().redis],
      });
      accepted.push(await answeredPerSecond(PORTS.receive, deliveries));
      acceptUsage = usage();
    }
    const referenceRate = percentile(reference, 0.5);
    return [
      row("reference: verified, nothing stored", referenceRate, "req/s"),
      row("accepted: answered after commit", percentile(accepted, 0.5), "events/s"),
      row("accepted / reference", percentile(accepted, 0.5) / referenceRate, "ratio", { atLeast: 0.45 }),
      ...usageRows("accepted", acceptUsage),
      row("end to end, saturated", saturated.perSecond, "events/s"),
      row("end to end / reference", saturated.perSecond / referenceRate, "ratio", { atLeast: 0.14 }),
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
  stores: { pids: () => { postgres: number; redis: number } },
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

async function answeredPerSecond(port: number, next: () => PreparedRequest | undefined): Promise<number> {
  const { answers, elapsedMs } = await closedLoop({
    port,
    connections: CONNECTIONS,
    durationMs: ROUND_MS,
    next,
  });
  refuseFailures(answers);
  return (answers.length / elapsedMs) * 1_000;
}

function refuseFailures(answers: Answered[]): void {
  const failed = answers.find((answer) => answer.status !== 200 || !answer.body.includes('"accepted"'));
  if (failed !== undefined) throw new Error(`A delivery was answered ${failed.status} ${failed.body}`);
}

function startServer(
  stores: { databaseUrl: string; redisUrl: string },
  roles: string,
  port: number,
): ChildProcess {
  return spawn(process.execPath, ["dist/cli/main.js", "start"], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: stores.databaseUrl,
      REDIS_URL: stores.redisUrl,
      HEADRACE_ADMIN_KEY: ADMIN_KEY,
      HEADRACE_ENCRYPTION_KEYS: ENCRYPTION_KEYS,
      HEADRACE_ROLES: roles,
      HEADRACE_FLOWS_DIR: "bench/flows",
      PORT: String(port),
      LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

function startReference(): ChildProcess {
  return spawn(process.execPath, [new URL("./reference-server.js", import.meta.url).pathname], {
    env: { PATH: process.env["PATH"], PORT: String(PORTS.reference), SECRET },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

async function setUp(port: number): Promise<void> {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  };
  await call("PUT", "/tenants/bench", {});
  await call("PUT", "/connectors/shop", { webhook: { preset: "standard-webhooks" } });
  await call("PUT", "/tenants/bench/endpoints/shop", { secrets: [{ value: SECRET }] });
  await call("PUT", "/tenants/bench/flows/noop", {
    trigger: { connector: "shop", event_types: ["order.*"], where: 'data.status eq "completed"' },
    action: { type: "code", handler: "noop" },
  });
  await call("POST", "/tenants/bench/flows/noop/deploy");
}

function ready(port: number): Promise<void> {
  return answering(`http://127.0.0.1:${port}/readyz`, (status) => status === 200);
}

function listening(port: number): Promise<void> {
  return answering(`http://127.0.0.1:${port}/`, () => true);
}

async function answering(url: string, holds: (status: number) => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const status = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.status,
      () => undefined,
    );
    if (status !== undefined && holds(status)) return;
    if (Date.now() > deadline) throw new Error(`${url} is not ready`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

function row(name: string, value: number, unit: string, bar?: Row["bar"]): Row {
  const digits = unit === "ratio" ? 1_000 : value < 100 ? 10 : 1;
  return { name, value: Math.round(value * digits) / digits, unit, ...(bar === undefined ? {} : { bar }) };
}

function usageRows(name: string, usage: Record<string, Usage>): Row[] {
  return Object.entries(usage).flatMap(([group, { cores, rssMiB }]) => [
    { name: `${name}: CPU of ${group}`, value: cores, unit: "cores" },
    { name: `${name}: memory of ${group}`, value: rssMiB, unit: "MiB" },
  ]);
}

function maximum(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

function minimum(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}
