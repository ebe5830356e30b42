import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { findRedisServer } from "../../src/embedded/redis-binary.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { startFakeApi } from "../support/fake-api.ts";
import { freePorts } from "../support/ports.ts";
import { api, startHeadrace } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { createDatabase } from "../support/stores.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(async () => {
  await builtProgram();
}, 120_000);

/** A Redis in cluster mode that has all slots: it refuses a command whose keys lie in several. */
async function startCluster(port: number, busPort: number): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/headrace-cluster-`);
  const settings = {
    port,
    bind: "127.0.0.1",
    "cluster-enabled": "yes",
    "cluster-port": busPort,
    "cluster-announce-ip": "127.0.0.1",
    dir: directory,
    save: "",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = await findRedisServer(undefined, createLogger("fatal"));
  const server = spawn(program, options, { stdio: "ignore" });
  const exited = once(server, "exit");
  onTestFinished(async () => {
    server.kill("SIGKILL");
    await exited;
    rmSync(directory, { recursive: true });
  });
  const redis = new Redis(port, { retryStrategy: () => 50 });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  await redis.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  await until("the cluster is up", async () =>
    String(await redis.cluster("INFO")).includes("cluster_state:ok"),
  );
}

test("every stage works on a Redis Cluster, where a command's keys must lie in one slot", async () => {
  const [redisPort = 0, busPort = 0, port = 0] = await freePorts(3);
  await startCluster(redisPort, busPort);
  const { url: databaseUrl, drop } = await createDatabase();
  onTestFinished(drop);
  const node = `redis://127.0.0.1:${redisPort}`;
  const headrace = startHeadrace({ databaseUrl, redisUrl: `${node},${node}`, port });
  onTestFinished(async () => {
    await headrace.end("SIGTERM");
  });
  await headrace.ready();
  const sink = await startSink((_call, number) => (number === 1 ? 503 : 200));
  onTestFinished(() => sink.close());
  const { webhookPath } = await setUpTenant(headrace.url, "acme", {
    all: {
      trigger: { connector: "shop" },
      action: { type: "http", url: sink.url },
      retry: { max_attempts: 3, backoff: "fixed", delay_ms: 50 },
    },
  });
  const ids = Array.from({ length: 30 }, (_, n) => `msg_${n}`);
  const answers = await Promise.all(
    ids.map((id) => deliver(`${headrace.url}${webhookPath}`, { id, type: "t", data: {} })),
  );
  expect(answers.every((answer) => answer?.status === 200)).toBe(true);
  await until("every run succeeded, one of them at its second attempt", async () => {
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs?limit=100")) as {
      items: { status: string }[];
    };
    return items.length === ids.length && items.every((run) => run.status === "succeeded");
  });
  expect(sink.calls).toHaveLength(ids.length + 1);

  const provider = await startFakeApi();
  onTestFinished(() => provider.close());
  await api(headrace.url, "PUT", "/connectors/polled", { source: provider.source("page") });
  const source = "/tenants/acme/sources/orders";
  const settings = { connector: "polled", entity: "order", params: { base_url: provider.url } };
  await api(headrace.url, "PUT", source, settings);
  const poll = () => api(headrace.url, "POST", `${source}/poll?wait=true`);
  expect(await poll()).toMatchObject({ status: "ok", records: 25, created: 0 });
  provider.records.update(7, { total: 70 });
  expect(await poll()).toMatchObject({ status: "ok", updated: 1 });
  expect(headrace.output()).not.toContain("CROSSSLOT");
}, 60_000);
