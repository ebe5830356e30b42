import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { CODE_FLOW_TYPE, HTTP_FLOW_TYPE, prepareDeliveries, SECRET } from "./deliveries.ts";
import { type Answered, countingLoop, percentile } from "./load.ts";
import { measureUsage, type Usage } from "./usage.ts";

/** The stores that the servers under test share. */
export interface BenchStores {
  databaseUrl: string;
  redisUrl: string;
  pids: () => { postgres: number; redis: number };
}

/** One line of the table. A row that misses its bar is marked, and fails the run. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  bar?: { atLeast?: number; atMost?: number };
}

/** Connections of every load. Fewer do not saturate a server, since each mostly waits for its commit. */
export const CONNECTIONS = 128;

export const ADMIN_KEY = randomBytes(24).toString("base64url");
const ENCRYPTION_KEYS = `bench:${randomBytes(32).toString("base64")}`;

export function startServer(
  stores: { databaseUrl: string; redisUrl: string },
  roles: string,
  port: number,
  settings: Readonly<Record<string, string>> = {},
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
      HEADRACE_ALLOW_PRIVATE_TARGETS: "127.0.0.0/8",
      PORT: String(port),
      LOG_LEVEL: "warn",
      ...settings,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

export function ready(port: number): Promise<void> {
  return answering(`http://127.0.0.1:${port}/readyz`, (status) => status === 200);
}

export function listening(port: number): Promise<void> {
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
    await delay(50);
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

/** Calls the API of a server under test. Throws unless the response is a success. */
export async function callApi(port: number, method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

/** Creates a tenant and connector, an empty flow in code, and one that calls the sink if there is one. */
export async function setUp(port: number, sinkUrl?: string): Promise<void> {
  const call = (method: string, path: string, body?: unknown) => callApi(port, method, path, body);
  await call("PUT", "/tenants/bench", {});
  await call("PUT", "/connectors/shop", { webhook: { preset: "standard-webhooks" } });
  await call("PUT", "/tenants/bench/endpoints/shop", { secrets: [{ value: SECRET }] });
  const deploy = async (id: string, type: string, action: unknown) => {
    const trigger = { connector: "shop", event_types: [type], where: 'data.status eq "completed"' };
    await call("PUT", `/tenants/bench/flows/${id}`, { trigger, action });
    await call("POST", `/tenants/bench/flows/${id}/deploy`);
  };
  await deploy("noop", CODE_FLOW_TYPE, { type: "code", handler: "noop" });
  if (sinkUrl !== undefined) await deploy("sink", HTTP_FLOW_TYPE, { type: "http", url: sinkUrl });
}

export function startReference(port: number): ChildProcess {
  return startScript("reference-server", port);
}

/** Starts the target of the HTTP flow. */
export function startSink(port: number): ChildProcess {
  return startScript("sink-server", port);
}

function startScript(name: string, port: number): ChildProcess {
  return spawn(process.execPath, [new URL(`./${name}.js`, import.meta.url).pathname], {
    env: { PATH: process.env["PATH"], PORT: String(port), SECRET },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Measures the new deliveries that the server answers per second, and the usage of the processes. */
export async function answeredPerSecond(
  port: number,
  durationMs: number,
  groups: Record<string, number[]> = {},
): Promise<{ perSecond: number; usage: Record<string, Usage> }> {
  // More than any server answers. Created before the measurement, since it takes as long as the load itself.
  const next = prepareDeliveries(Math.ceil(durationMs * 40));
  const used = measureUsage(groups);
  const { good, bad, elapsedMs } = await countingLoop({
    port,
    connections: CONNECTIONS,
    durationMs,
    next,
    isGood: isAccepted,
  });
  const usage = used();
  if (bad !== undefined) refuseFailures([bad]);
  return { perSecond: (good / elapsedMs) * 1_000, usage };
}

export function refuseFailures(answers: Answered[]): void {
  const failed = answers.find((answer) => !isAccepted(answer));
  if (failed !== undefined) throw new Error(`A delivery was answered ${failed.status} ${failed.body}`);
}

function isAccepted({ status, body }: Answered): boolean {
  return status === 200 && body.includes('"accepted"');
}

export function row(name: string, value: number, unit: string, bar?: Row["bar"]): Row {
  const digits = unit === "ratio" ? 1_000 : unit === "cores" ? 100 : value < 100 ? 10 : 1;
  return { name, value: Math.round(value * digits) / digits, unit, ...(bar === undefined ? {} : { bar }) };
}

/**
 * Latency over several rounds at one load: the percentiles of the median round, like the rates, and the p99 of the
 * worst round, which shows stalls of the machine.
 */
export function latencyRows(
  name: string,
  rounds: readonly (readonly number[])[],
  { p50, p99 }: { p50?: number; p99?: number } = {},
): Row[] {
  const median = (share: number) =>
    percentile(
      rounds.map((latencies) => percentile(latencies, share)),
      0.5,
    );
  const atMost = (ms: number | undefined) => (ms === undefined ? undefined : { atMost: ms });
  const worst = Math.max(...rounds.map((latencies) => percentile(latencies, 0.99)));
  return [
    row(`${name}, p50`, median(0.5), "ms", atMost(p50)),
    row(`${name}, p99`, median(0.99), "ms", atMost(p99)),
    row(`${name}, p99 of the worst round`, worst, "ms"),
  ];
}

export function usageRows(name: string, usage: Record<string, Usage>): Row[] {
  return Object.entries(usage).flatMap(([group, { cores, rssMiB }]) => [
    { name: `${name}: CPU of ${group}`, value: cores, unit: "cores" },
    { name: `${name}: memory of ${group}`, value: rssMiB, unit: "MiB" },
  ]);
}
