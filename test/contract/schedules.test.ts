import { describe, expect, test } from "vitest";
import { createTicker } from "../../src/schedule/ticker.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

const ACTION = { type: "http", url: "https://target.example/hook" };
const URL = "/tenants/acme/flows/nightly";

async function withTenant(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  return api;
}

async function deploy(api: ServedApi, flow: string, trigger: unknown): Promise<void> {
  const put = await api.call("PUT", `/tenants/acme/flows/${flow}`, { trigger, action: ACTION });
  expect(put.status).toBe(200);
  expect((await api.call("POST", `/tenants/acme/flows/${flow}/deploy`)).status).toBe(200);
}

/** Makes the next tick of every schedule and returns the ids of the events. */
async function tick(api: ServedApi): Promise<string[]> {
  await api.database.pipeline.query({
    text: "UPDATE deployments SET next_tick_at = now() WHERE next_tick_at IS NOT NULL AND deployed_until IS NULL",
  });
  const step = createTicker({
    database: api.database,
    bounds: { batchSize: 10, maxTicks: 10, onTimeMs: 30_000, idleMs: 1_000, minWaitMs: 1 },
    onTicked() {},
    onEnded() {},
  });
  await step(new AbortController().signal);
  const rows = await api.database.pipeline.query({ text: "SELECT event_id FROM outbox ORDER BY event_id" });
  return rows.map((row) => row["event_id"]);
}

async function runs(api: ServedApi): Promise<Record<string, unknown>[]> {
  return (await api.call("GET", "/tenants/acme/runs")).body.items;
}

describe("a schedule", () => {
  test("a schedule shows its defaults, and its next five ticks while it is deployed", async () => {
    const api = await withTenant();
    const trigger = { schedule: { cron: "30 3 * * *", timezone: "Europe/Berlin", data: { region: "eu" } } };
    const { body } = await api.call("PUT", URL, { trigger, action: ACTION });
    expect(body).toMatchObject({
      trigger: { schedule: { ...trigger.schedule, missed: "once" } },
      next_ticks: [],
    });
    const deployed = (await api.call("POST", `${URL}/deploy`)).body;
    const ticks = deployed.next_ticks.map(Date.parse) as number[];
    const berlin = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", timeStyle: "medium" });
    expect(ticks.map((at) => berlin.format(at))).toEqual(Array.from({ length: 5 }, () => "03:30:00"));
    expect(ticks).toEqual([...new Set(ticks)].sort());
    expect(ticks[0]).toBeGreaterThan(Date.parse(deployed.updated_at));
    expect((await api.call("GET", "/tenants/acme/flows")).body.items[0].next_ticks).toEqual(
      deployed.next_ticks,
    );
    expect((await api.call("POST", `${URL}/undeploy`)).body.next_ticks).toEqual([]);
    const without = await api.call("PUT", URL, { trigger: {}, action: ACTION });
    expect(without.body.next_ticks).toBeUndefined();
  });

  test("a schedule starts only its own flow, and events do not start that flow", async () => {
    const api = await withTenant();
    await deploy(api, "nightly", { schedule: { cron: "@daily", data: { n: 7 } } });
    await deploy(api, "other", { schedule: { cron: "0 0 31 12 *" }, priority: 1 });
    await deploy(api, "every-event", {});
    await deploy(api, "every-tick", { connector: "schedule", event_types: ["schedule.*"] });
    const ids = await tick(api);
    expect(ids).toHaveLength(2);
    await route(api.database, ids);
    const made = await runs(api);
    expect(made.map((run) => run["flow_id"]).sort()).toEqual(["nightly", "other"]);
    const nightly = made.find((run) => run["flow_id"] === "nightly");
    expect((await api.call("GET", `/tenants/acme/events/${nightly?.["event_id"]}`)).body).toMatchObject({
      connector: "schedule",
      endpoint: "nightly",
      type: "schedule.tick",
      source: "schedule",
      priority: 3,
      subject: "nightly",
      status: "routed",
      data: { n: 7 },
    });
    const sent = await api.call("POST", "/tenants/acme/events", {
      connector: "schedule",
      type: "schedule.tick",
      data: {},
      subject: "nightly",
    });
    await route(api.database, [sent.body.event_id]);
    const flows = (await runs(api)).map((run) => run["flow_id"]).sort();
    expect(flows).toEqual(["every-event", "every-tick", "nightly", "other"]);
  });

  test("a schedule beside an event trigger starts the flow, and so do matching events", async () => {
    const api = await withTenant();
    await deploy(api, "nightly", {
      connector: "shop",
      where: 'status eq "paid"',
      schedule: { cron: "@daily" },
    });
    await route(api.database, await tick(api));
    expect(await runs(api)).toHaveLength(1);
    const events = ["paid", "open"].map((status) => ({ connector: "shop", type: "order", data: { status } }));
    const sent = await api.call("POST", "/tenants/acme/events", events);
    await route(api.database, sent.body.event_ids);
    expect(await runs(api)).toHaveLength(2);
  });

  test("a tick starts the version deployed at its time, even if it is replaced before routing", async () => {
    const api = await withTenant();
    await deploy(api, "nightly", { schedule: { cron: "@daily" } });
    const ids = await tick(api);
    await deploy(api, "nightly", { schedule: { cron: "@hourly" } });
    await api.call("DELETE", URL);
    await route(api.database, ids);
    expect(await runs(api)).toMatchObject([{ flow_id: "nightly", flow_version: 1 }]);
  });

  test("an invalid schedule is rejected with its field and the expected value", async () => {
    const api = await withTenant();
    const cases: [status: number, field: string, schedule: unknown][] = [
      [422, "trigger.schedule.cron", { cron: "61 * * * *" }],
      [422, "trigger.schedule.cron", { cron: "0 0 30 2 *" }],
      [422, "trigger.schedule.cron", { cron: "2027-01-01T00:00:00" }],
      [422, "trigger.schedule.timezone", { cron: "@daily", timezone: "Mars/Olympus" }],
      [422, "trigger.schedule.data", { cron: "@daily", data: "x".repeat(70_000) }],
      [400, "trigger.schedule.cron", {}],
      [400, "trigger.schedule.cron", { cron: 5 }],
      [400, "trigger.schedule.missed", { cron: "@daily", missed: "all" }],
      [400, "trigger.schedule.zone", { cron: "@daily", zone: "UTC" }],
      [400, "trigger.schedule", "@daily"],
    ];
    for (const [status, field, schedule] of cases) {
      const answer = await api.call("PUT", URL, { trigger: { schedule }, action: ACTION });
      const [detail] = answer.body.error.details;
      expect([answer.status, detail.field]).toEqual([status, field]);
      expect(detail).toMatchObject({ expected: expect.any(String), got: expect.any(String) });
    }
    expect((await api.call("GET", URL)).status).toBe(404);
  });
});
