import { describe, expect, test } from "vitest";
import { createBackfill } from "../../src/pipeline/route/backfill.ts";
import { listDeploymentsAt } from "../../src/postgres/flows/deployments.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

const ACTION = { type: "code", handler: "h" };
const FLOWS = "/tenants/acme/flows";

async function withTenant(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  return api;
}

async function deploy(api: ServedApi, id: string, flow: Record<string, unknown>): Promise<void> {
  expect((await api.call("PUT", `${FLOWS}/${id}`, { action: ACTION, ...flow })).status).toBe(200);
  expect((await api.call("POST", `${FLOWS}/${id}/deploy`)).status).toBe(200);
}

async function accept(api: ServedApi, ...events: Record<string, unknown>[]): Promise<string[]> {
  const { body } = await api.call("POST", "/tenants/acme/events", events);
  return body.event_ids;
}

describe("the routing of an event", () => {
  test("the routing of an event lists every flow of its connector and type, with the clause that failed", async () => {
    const api = await withTenant();
    await deploy(api, "large", {
      trigger: { event_types: ["order.*"], where: 'status eq "completed" and total gt 100' },
    });
    await deploy(api, "any", { trigger: {} });
    await deploy(api, "refunds", { trigger: { event_types: ["refund.made"] } });
    await deploy(api, "shop", { trigger: { connector: "shop" } });
    const [id = ""] = await accept(api, { type: "order.paid", data: { status: "completed", total: 20 } });
    await deploy(api, "later", { trigger: {} });
    await route(api.database, [id]);
    const { body } = await api.call("GET", `/tenants/acme/events/${id}`);
    expect(body.routing).toEqual([
      { flow_id: "any", version: 1, matched: true },
      {
        flow_id: "large",
        version: 1,
        matched: false,
        clause: "total gt 100",
        seen: [{ path: "total", value: "20" }],
      },
    ]);
    expect(body.runs.map((run: { flow_id: string }) => run.flow_id)).toEqual(["any"]);
  });

  test("the routing of an event lists started flows first when it is truncated", async () => {
    const api = await withTenant();
    await deploy(api, "z", {
      trigger: { connector: "api", event_types: ["x", "order.p*"], where: "n eq 1" },
    });
    await deploy(api, "a", { trigger: { event_types: ["*"], where: "n eq 2" } });
    await deploy(api, "b", { trigger: { event_types: ["order.paid2", "orders.*"] } });
    const [id = ""] = await accept(api, { type: "order.paid", data: { n: 1 }, connector: "api" });
    await route(api.database, [id]);
    const { body } = await api.call("GET", `/tenants/acme/events/${id}`);
    expect(body.routing.map((one: { flow_id: string }) => one.flow_id)).toEqual(["z", "a"]);
    const listed = await listDeploymentsAt(api.database.pipeline, {
      tenantId: "acme",
      counter: 1_000_000,
      connector: "api",
      type: "order.paid",
      first: ["z"],
      limit: 1,
    });
    expect(listed.map((one) => one.flowId)).toEqual(["z"]);
  });

  test("conditions read the envelope by its API names, headers in any case, and no secrets", async () => {
    const api = await withTenant();
    const envelope = [
      '$event.tenant_id eq "acme"',
      '$event.source eq "api"',
      "$event.priority eq 1",
      '$event.subject eq "s"',
      '$event.occurred_at lt "2026-01-02T00:00:00Z"',
      '$event.received_at gt "2026-01-02T00:00:00Z"',
      "$event.id exists",
      "$event.idempotency_key exists",
      '$event.connector eq "api"',
      "$event.endpoint exists",
      '$event.type eq "t"',
    ].join(" and ");
    await deploy(api, "envelope", { trigger: { where: envelope } });
    await deploy(api, "header", { trigger: { where: "$headers.X-Topic exists" } });
    const [id = ""] = await accept(api, {
      type: "t",
      data: {},
      subject: "s",
      occurred_at: "2026-01-01T00:00:00Z",
    });
    await route(api.database, [id]);
    const { body } = await api.call("GET", `/tenants/acme/events/${id}`);
    expect(body.routing).toEqual([
      { flow_id: "envelope", version: 1, matched: true },
      {
        flow_id: "header",
        version: 1,
        matched: false,
        clause: "$headers.x-topic exists",
        seen: [{ path: "$headers.x-topic", value: null }],
      },
    ]);
  });

  test("the routing of an event does not change when its flow is changed and undeployed", async () => {
    const api = await withTenant();
    await deploy(api, "f", { trigger: { where: "total gt 1" } });
    const [id = ""] = await accept(api, { type: "t", data: { total: 5 } });
    await route(api.database, [id]);
    await deploy(api, "f", { trigger: { where: "total gt 100" } });
    await api.call("POST", `${FLOWS}/f/undeploy`);
    const { body } = await api.call("GET", `/tenants/acme/events/${id}`);
    expect(body.routing).toEqual([{ flow_id: "f", version: 1, matched: true }]);
  });
});

describe("a flow tested on past events", () => {
  test("testing a flow on past events counts and lists matches, and starts nothing", async () => {
    const api = await withTenant();
    const ids = await accept(
      api,
      ...Array.from({ length: 30 }, (_, total) => ({ type: "t", data: { total } })),
    );
    await api.call("PUT", `${FLOWS}/f`, { action: ACTION, trigger: { where: "total gt 27" } });
    const own = (await api.call("POST", `${FLOWS}/f/test`, {})).body;
    expect(own).toMatchObject({ scanned: 30, matched: 2, unreadable: 0, progress: 1, next_cursor: null });
    expect(own.events.map((event: { id: string }) => event.id)).toEqual([ids[29], ids[28]]);
    const other = (await api.call("POST", `${FLOWS}/f/test`, { where: "total lt 10", last: 25 })).body;
    expect(other).toMatchObject({ scanned: 25, matched: 5, progress: 1, next_cursor: expect.any(String) });
    const rest = (
      await api.call("POST", `${FLOWS}/f/test`, { where: "total lt 10", cursor: other.next_cursor })
    ).body;
    expect(rest).toMatchObject({ scanned: 5, matched: 5, next_cursor: null });
    expect((await api.call("GET", "/tenants/acme/runs")).body.items).toEqual([]);
  });

  test("testing a flow rejects an invalid condition and an unknown flow", async () => {
    const api = await withTenant();
    await api.call("PUT", `${FLOWS}/f`, { action: ACTION, trigger: {} });
    const bad = await api.call("POST", `${FLOWS}/f/test`, { where: "total gt" });
    expect([bad.status, bad.body.error.code]).toEqual([422, "invalid_condition"]);
    expect((await api.call("POST", `${FLOWS}/none/test`, {})).status).toBe(404);
  });
});

describe("a deploy from a past moment", () => {
  /** Steps the loop until it is idle. The clock runs ahead, so that the test does not wait. */
  async function backfill(api: ServedApi): Promise<void> {
    const step = createBackfill({
      database: api.database,
      bounds: { batchSize: 7, maxBytes: 1_048_576, idleMs: 0, settleMs: 10_000 },
      now: () => Date.now() + 60_000,
      onRuns() {},
    });
    const { signal } = new AbortController();
    for (let rounds = 0; rounds < 30; rounds += 1) await step(signal);
  }

  test("a deploy from a past moment routes the events since then once to this flow, and shows its progress", async () => {
    const api = await withTenant();
    const before = await accept(api, ...Array.from({ length: 5 }, () => ({ type: "old", data: { n: 1 } })));
    const since = new Date().toISOString();
    await deploy(api, "other", { trigger: {} });
    const ids = await accept(api, ...Array.from({ length: 30 }, (_, n) => ({ type: "t", data: { n } })), {
      type: "unreadable",
      data: "x",
    });
    await route(api.database, [...before, ...ids]);
    const runsBefore = (await api.call("GET", "/tenants/acme/runs?limit=100")).body.items.length;
    await deploy(api, "new", { trigger: { where: "n lt 20" }, enabled_from: since });
    const live = await accept(api, { type: "t", data: { n: 3 } });
    await backfill(api);
    await backfill(api);
    await route(api.database, live);
    const runs = (await api.call("GET", "/tenants/acme/runs?limit=200&flow=new")).body.items;
    expect(runs.map((run: { event_id: string }) => run.event_id).sort()).toEqual(
      [...ids.slice(0, 20), ...live].sort(),
    );
    const priorities = runs.map((run: { event_id: string; priority: number }) => [
      run.event_id === live[0] ? "live" : "past",
      run.priority,
    ]);
    expect(new Set(priorities.map(String))).toEqual(new Set(["past,3", "live,1"]));
    const all = (await api.call("GET", "/tenants/acme/runs?limit=200")).body.items.length;
    expect(all - runsBefore).toBe(runs.length + 1);
    expect((await api.call("GET", `${FLOWS}/new/backfill`)).body).toMatchObject({
      flow_id: "new",
      version: 1,
      state: "done",
      progress: 1,
      scanned: 31,
      matched: 20,
      finished_at: expect.any(String),
    });
    expect((await api.call("GET", `${FLOWS}/other/backfill`)).status).toBe(404);
  });

  test("a backfill is stopped by a call, by an undeploy, and by the next deploy", async () => {
    const api = await withTenant();
    const since = new Date(Date.now() - 60_000).toISOString();
    await accept(api, ...Array.from({ length: 10 }, () => ({ type: "t", data: {} })));
    await deploy(api, "f", { trigger: {}, enabled_from: since });
    expect((await api.call("GET", `${FLOWS}/f/backfill`)).body).toMatchObject({
      state: "running",
      scanned: 0,
    });
    expect((await api.call("POST", `${FLOWS}/f/backfill/stop`)).body.state).toBe("stopped");
    await backfill(api);
    expect((await api.call("GET", "/tenants/acme/runs")).body.items).toEqual([]);
    await deploy(api, "f", { trigger: {}, enabled_from: since });
    await api.call("POST", `${FLOWS}/f/undeploy`);
    expect((await api.call("GET", `${FLOWS}/f/backfill`)).body.state).toBe("stopped");
    await deploy(api, "f", { trigger: {}, enabled_from: "now" });
    await backfill(api);
    expect((await api.call("GET", "/tenants/acme/runs")).body.items).toEqual([]);
  });
});

describe("the priority of a run", () => {
  test("a run has its event's priority unless the flow sets one", async () => {
    const api = await withTenant();
    await deploy(api, "own", { trigger: { priority: 2 } });
    await deploy(api, "any", { trigger: {} });
    const ids = await accept(api, { type: "t", data: {} }, { type: "t", data: {}, priority: 4 });
    await route(api.database, ids);
    const { items } = (await api.call("GET", "/tenants/acme/runs")).body;
    const shown = items.map((run: { event_id: string; flow_id: string; priority: number }) =>
      [ids.indexOf(run.event_id), run.flow_id, run.priority].join(),
    );
    expect(shown.sort()).toEqual(["0,any,1", "0,own,2", "1,any,4", "1,own,2"]);
  });
});

describe("events that meet no trigger", () => {
  test("unmatched events become dead letters, or are dropped by the tenant's or the global policy", async () => {
    const api = await withTenant();
    await api.call("PUT", "/tenants/other", {});
    const unmatched = async (tenant: string) => {
      const { body } = await api.call("POST", `/tenants/${tenant}/events`, { type: "t", data: {} });
      await route(api.database, [body.event_id]);
      expect((await api.call("GET", `/tenants/${tenant}/events/${body.event_id}`)).body.status).toBe(
        "unmatched",
      );
      return (await api.call("GET", `/tenants/${tenant}/dlq`)).body.items.length;
    };
    expect((await api.call("GET", "/tenants/acme/dlq/policy")).body).toEqual({
      auto_replay: { enabled: false },
      retention_days: 30,
      unmatched: "dlq",
    });
    expect(await unmatched("acme")).toBe(1);
    await api.call("PUT", "/tenants/acme/dlq/policy", { unmatched: "drop" });
    expect(await unmatched("acme")).toBe(1);
    expect(await unmatched("other")).toBe(1);
    await api.call("PUT", "/dlq/policy", { unmatched: "drop", retention_days: 7 });
    expect((await api.call("GET", "/tenants/other/dlq/policy")).body).toEqual({
      auto_replay: { enabled: false },
      retention_days: 7,
      unmatched: "drop",
    });
    expect(await unmatched("other")).toBe(1);
    await api.call("PUT", "/tenants/acme/dlq/policy", {});
    expect(await unmatched("acme")).toBe(2);
  });
});
