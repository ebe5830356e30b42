import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { freePorts } from "../support/ports.ts";
import { api } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test("the demo polls its own source, whose changes start its flows", { timeout: 180_000 }, async () => {
  const { start } = await createInstallation(await privateStores());
  const [metricsPort = 0] = await freePorts(1);
  const headrace = await start({
    env: {
      HEADRACE_DEMO: "1",
      HEADRACE_ALLOW_PRIVATE_TARGETS: "",
      HEADRACE_METRICS_PORT: String(metricsPort),
    },
  });
  await until("the source was polled", async () => {
    const source = (await api(headrace.url, "GET", "/tenants/acme/sources/orders").catch(() => undefined)) as
      | { state: string; records_tracked: number }
      | undefined;
    return source?.state === "ok" && source.records_tracked === 12;
  });
  // Only the demo's own targets on loopback are allowed.
  const flowTo = (url: string) => ({ trigger: {}, action: { type: "http", url } });
  await expect(
    api(headrace.url, "PUT", "/tenants/acme/flows/other", flowTo(`http://127.0.0.1:${metricsPort}/`)),
  ).rejects.toThrow("422");
  for (const path of ["/metrics", "/healthz", "/readyz"]) {
    expect((await fetch(`http://127.0.0.1:${metricsPort}${path}`)).status).toBe(200);
  }
  expect((await fetch(`http://127.0.0.1:${metricsPort}/api/v1/tenants`)).status).toBe(404);
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
