import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { open } from "../support/database.ts";
import { countByStatus, insertDeadLetters } from "../support/dead-letter.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { api } from "../support/process.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

async function installation() {
  const { launch, start, databaseUrl } = await createInstallation();
  const database = open(databaseUrl);
  onTestFinished(() => database.close());
  return { database, launch, start };
}

/** A webhook on a free port that keeps the bodies, and responds 503 to the first call. */
async function webhook(): Promise<{ url: string; bodies: Record<string, unknown>[] }> {
  const bodies: Record<string, unknown>[] = [];
  let calls = 0;
  const target = await serve(async (request, response) => {
    calls += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (calls > 1) bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(calls === 1 ? 503 : 200).end();
  });
  return { url: target.url, bodies };
}

interface Alerts {
  items: { kind: string; status: string; value: number }[];
}

describe("dead letters beyond a threshold", () => {
  test("dead letters over a threshold raise one alert, however many copies run", async () => {
    const { database, start } = await installation();
    const { url, bodies } = await webhook();
    const one = await start();
    const two = await start();
    await api(one.url, "PUT", "/tenants/acme", {});
    await api(one.url, "PUT", "/dlq/policy", { alert: { depth: 3, webhook_url: url } });
    const events = Array.from({ length: 5 }, () => ({ type: "nobody.waits", data: {} }));
    await api(one.url, "POST", "/tenants/acme/events", events);

    await until("the webhook was called", () => bodies.length > 0);
    expect(bodies[0]).toMatchObject({ kind: "dlq.depth", status: "open", tenant_id: "acme", threshold: 3 });
    const alerts = async () => ((await api(two.url, "GET", "/tenants/acme/alerts")) as Alerts).items;
    expect(await alerts()).toMatchObject([{ kind: "dlq.depth", status: "open" }]);
    const metrics = await (await fetch(`${one.url}/metrics`)).text();
    expect(metrics).toContain('headrace_dlq_depth{stage="route"} 5');
    expect(metrics).toContain('headrace_dlq_tenant_depth{tenant="acme",stage="route"} 5');
    expect(metrics).toContain('headrace_alerts_open{kind="dlq.depth"}');

    await database.pipeline.query({ text: "UPDATE dead_letters SET status = 'replayed'" });
    await until("the webhook was called on the end", () => bodies.length > 1);
    expect(await alerts()).toMatchObject([{ kind: "dlq.depth", status: "resolved" }]);
    expect(bodies.map((body) => body["status"])).toEqual(["open", "resolved"]);
    const told = [one, two].map((copy) => copy.output().split("alert: Tenant acme").length - 1);
    expect(told.reduce((sum, count) => sum + count)).toBe(1);
  }, 90_000);
});

describe("dead letters beyond their retention", () => {
  test("expired dead letters are emptied once when a copy is killed during the deletion", async () => {
    const { database, launch, start } = await installation();
    await start({ roles: "api" });
    await insertDeadLetters(database, { tenantId: "acme", count: 1_200, daysAgo: 40 });
    await insertDeadLetters(database, { tenantId: "acme", count: 10, daysAgo: 1 });
    const dying = launch({ env: { HEADRACE_FAILPOINTS: "retention.emptied" } });
    await until("the copy is gone", () => dying.ended);
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ expired: 500, pending: 710 });
    const next = launch();
    await until("all are emptied", async () => {
      return (await countByStatus(database.pipeline, "acme")).expired === 1_200;
    });
    await next.ready();
    expect(await countByStatus(database.pipeline, "acme")).toEqual({ expired: 1_200, pending: 10 });
    await until("the counters agree", async () => {
      const metrics = await (await fetch(`${next.url}/metrics`)).text();
      return (
        metrics.includes('headrace_dlq_depth{stage="execute"} 10\n') &&
        metrics.includes("headrace_dlq_kept 10\n")
      );
    });
  }, 90_000);
});
