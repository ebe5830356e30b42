import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { startFakeApi } from "../support/fake-api.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { startCluster } from "../support/redis-servers.ts";
import { startSink } from "../support/sink.ts";
import { QUICK_RETRY, setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test("every stage works on a Redis Cluster of which one node is configured", async () => {
  const nodes = await startCluster(3);
  const { start } = await createInstallation({ redisUrl: `redis://127.0.0.1:${nodes[1]?.port}` });
  const headrace = await start();
  const sink = await startSink((_call, number) => (number === 1 ? 503 : 200));
  const { webhookPath } = await setUpTenant(headrace.url, "acme", {
    all: { ...shopFlow(sink.url), retry: QUICK_RETRY },
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
  expect(headrace.output()).not.toMatch(/CROSSSLOT|MOVED/);
  const keys = await Promise.all(nodes.map(({ admin }) => admin.dbsize()));
  expect(keys.every((count) => count > 0)).toBe(true);

  // One node of it that evicts is enough.
  await nodes[2]?.admin.config("SET", "maxmemory-policy", "allkeys-lru");
  await until("readiness names the policy", async () =>
    (await (await fetch(`${headrace.url}/readyz`)).text()).includes("maxmemory-policy allkeys-lru"),
  );
  await nodes[2]?.admin.config("SET", "maxmemory-policy", "noeviction");
  await headrace.ready();
}, 120_000);

test("a start with a database other than 0 of a Redis Cluster is refused with the reason", async () => {
  const [node] = await startCluster(1);
  const { launch } = await createInstallation({ redisUrl: `redis://127.0.0.1:${node?.port}/2` });
  const headrace = launch();
  await until("it has ended", () => headrace.ended);
  expect(headrace.output()).toContain("REDIS_URL: Redis has no database with this number");
}, 60_000);
