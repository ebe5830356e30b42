import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { freePorts } from "../support/ports.ts";
import { api, startHeadrace } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(async () => {
  await builtProgram();
}, 120_000);

test("the demo polls a source of its own, whose changes start its flows", { timeout: 180_000 }, async () => {
  const { databaseUrl, redisUrl } = await privateStores();
  const [port = 0] = await freePorts(1);
  const headrace = startHeadrace({ databaseUrl, redisUrl, port, env: { HEADRACE_DEMO: "1" } });
  onTestFinished(async () => {
    await headrace.end("SIGTERM");
  });
  await headrace.ready();
  await until("the source was polled", async () => {
    const source = (await api(headrace.url, "GET", "/tenants/acme/sources/orders").catch(() => undefined)) as
      | { state: string; records_tracked: number }
      | undefined;
    return source?.state === "ok" && source.records_tracked === 12;
  });
  // An order changes every 20 s.
  const changed = async () => {
    const poll = "/tenants/acme/sources/orders/poll?wait=true";
    return ((await api(headrace.url, "POST", poll)) as { updated: number }).updated > 0;
  };
  await until("a change is found", changed, { withinMs: 60_000, everyMs: 1_000 });
  await until("it has started a flow", async () => {
    const runs = "/tenants/acme/runs?flow=every-event&status=succeeded";
    return ((await api(headrace.url, "GET", runs)) as { items: unknown[] }).items.length > 0;
  });
  const { items } = (await api(headrace.url, "GET", "/tenants/acme/events")) as {
    items: Record<string, unknown>[];
  };
  expect(items[0]).toMatchObject({ source: "poll", type: "order.updated", priority: 4, connector: "demo" });
});
