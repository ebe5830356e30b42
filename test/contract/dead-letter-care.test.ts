import { describe, expect, test } from "vitest";
import { openAlerts, resolveAlerts } from "../../src/postgres/alerts/alerts.ts";
import { insertDeadLetters } from "../support/dead-letter.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

async function withTenants(): Promise<ServedApi> {
  const api = await serveApi();
  for (const tenant of ["acme", "globex"]) await api.call("PUT", `/tenants/${tenant}`, {});
  return api;
}

async function keyOf(api: ServedApi, tenantId: string | undefined): Promise<string> {
  const { body } = await api.call("POST", "/keys", {
    name: "k",
    scope: "read",
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
  });
  return body.key;
}

describe("groups of dead letters", () => {
  async function withGroups(): Promise<ServedApi> {
    const api = await withTenants();
    const { database } = api;
    await insertDeadLetters(database, {
      tenantId: "acme",
      fingerprint: "timeout",
      count: 3,
      daysAgo: 3,
      flowId: "f",
    });
    await insertDeadLetters(database, {
      tenantId: "acme",
      fingerprint: "bad",
      stage: "normalize",
      daysAgo: 2,
    });
    await insertDeadLetters(database, {
      tenantId: "acme",
      fingerprint: "timeout",
      daysAgo: 1,
      flowId: "f",
      errorMessage: "It took 11 s",
    });
    await insertDeadLetters(database, {
      tenantId: "globex",
      fingerprint: "timeout",
      daysAgo: 0.5,
      connector: "crm",
      count: 2,
    });
    return api;
  }

  const namesOf = (body: { items: { fingerprint: string; count: number }[] }) =>
    body.items.map((group) => `${group.fingerprint} ${group.count}`);

  test("groups of dead letters count per tenant, latest first, and show the newest error", async () => {
    const api = await withGroups();
    await api.database.pipeline.query({
      text: "UPDATE dead_letters SET status = 'replayed' WHERE error_message = 'It took 11 s'",
    });
    const { status, body } = await api.call("GET", "/tenants/acme/dlq/groups");
    expect([status, namesOf(body), body.next_cursor]).toEqual([200, ["timeout 4", "bad 1"], null]);
    const [group] = body.items;
    expect(group).toEqual({
      fingerprint: "timeout",
      count: 4,
      pending: 3,
      stage: "execute",
      flow_id: "f",
      connector: "shop",
      error_message: "It took 11 s",
      newest_tenant_id: "acme",
      tenants: 1,
      newest_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      first_seen: expect.any(String),
      last_seen: expect.any(String),
    });
    const days = (Date.parse(group.last_seen) - Date.parse(group.first_seen)) / 86_400_000;
    expect(days).toBeCloseTo(2, 3);
    expect((await api.call("GET", `/tenants/acme/dlq/${group.newest_id}`)).body.error_message).toBe(
      "It took 11 s",
    );
  });

  test("groups of dead letters show an admin how many tenants are affected", async () => {
    const api = await withGroups();
    const { body } = await api.call("GET", "/dlq/groups");
    expect(namesOf(body)).toEqual(["timeout 6", "bad 1"]);
    expect(body.items[0]).toMatchObject({ tenants: 2, newest_tenant_id: "globex", connector: "crm" });
    expect((await api.call("GET", "/dlq/groups", undefined, await keyOf(api, "acme"))).status).toBe(403);
  });

  test("groups of dead letters accept the list's filters", async () => {
    const api = await withGroups();
    const groups = async (query: string) => namesOf((await api.call("GET", `/dlq/groups?${query}`)).body);
    expect(await groups("stage=normalize")).toEqual(["bad 1"]);
    expect(await groups("flow=f")).toEqual(["timeout 4"]);
    expect(await groups("connector=crm")).toEqual(["timeout 2"]);
    expect(await groups("fingerprint=bad")).toEqual(["bad 1"]);
    expect(await groups("status=expired")).toEqual([]);
    const yesterday = new Date(Date.now() - 1.5 * 86_400_000).toISOString();
    expect(await groups(`since=${yesterday}`)).toEqual(["timeout 3"]);
    expect(await groups(`until=${yesterday}`)).toEqual(["bad 1", "timeout 3"]);
    const { status, body } = await api.call("GET", "/dlq/groups?stage=nowhere");
    expect([status, body.error.details[0].field]).toEqual([400, "stage"]);
  });

  test("pages of dead letter groups contain each group once", async () => {
    const api = await withTenants();
    for (let i = 0; i < 5; i += 1) {
      // Two of them were last seen at the same time.
      await insertDeadLetters(api.database, {
        tenantId: "acme",
        fingerprint: `f${i}`,
        daysAgo: Math.ceil(i / 2),
      });
    }
    await api.database.pipeline.query({
      text: "UPDATE dead_letters SET created_at = date_trunc('day', created_at)",
    });
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await api.call("GET", `/tenants/acme/dlq/groups?limit=2${cursor}`);
      seen.push(...namesOf(body));
      cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
    } while (cursor !== "");
    expect(seen.sort()).toEqual(["f0 1", "f1 1", "f2 1", "f3 1", "f4 1"]);
    expect((await api.call("GET", "/tenants/acme/dlq/groups?cursor=x")).status).toBe(400);
  });
});

describe("the forecast of dead letters", () => {
  test("the forecast shows stored, expected and expiring dead letters by the tenant's policy", async () => {
    const api = await withTenants();
    await api.call("PUT", "/dlq/policy", { retention_days: 20 });
    await insertDeadLetters(api.database, { tenantId: "acme", count: 10, payload: "12345" });
    await insertDeadLetters(api.database, { tenantId: "globex", count: 2, payload: "1" });
    const { status, body } = await api.call("GET", "/tenants/acme/dlq/forecast");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      retention_days: 20,
      now: { entries: 10, bytes: 50 },
      per_day: { entries: 10, bytes: 50 },
      at_horizon: { entries: 200, bytes: 1_000 },
    });
    expect(body.expiring).toHaveLength(30);
    const expires = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10);
    expect(body.expiring[20]).toEqual({ date: expires, entries: 10, bytes: 50 });

    await api.call("PUT", "/tenants/globex/dlq/policy", { retention_days: 100 });
    const all = (await api.call("GET", "/dlq/forecast")).body;
    expect(all).toMatchObject({
      retention_days: null,
      now: { entries: 12, bytes: 52 },
      at_horizon: { entries: 400, bytes: 1_200 },
    });
  });
});

describe("alerts", () => {
  const alert = { tenantId: "acme", kind: "dlq.depth", subject: "", message: "Too many", value: 12 };

  async function withAlerts(): Promise<ServedApi> {
    const api = await withTenants();
    const { pipeline } = api.database;
    await openAlerts(pipeline, [alert, { ...alert, tenantId: "globex" }]);
    await openAlerts(pipeline, [
      { ...alert, kind: "poll.state_lost", subject: "orders", details: { records: 5 } },
      { ...alert, tenantId: "*", kind: "disk" },
    ]);
    await resolveAlerts(pipeline, [{ ...alert, value: 1 }]);
    return api;
  }

  const kindsOf = (body: { items: { tenant_id: string | null; kind: string; status: string }[] }) =>
    body.items.map((one) => `${one.tenant_id} ${one.kind} ${one.status}`).sort();

  test("alerts are shown only to their tenant, open and resolved", async () => {
    const api = await withAlerts();
    const { status, body } = await api.call(
      "GET",
      "/tenants/acme/alerts",
      undefined,
      await keyOf(api, "acme"),
    );
    expect([status, kindsOf(body)]).toEqual([200, ["acme dlq.depth resolved", "acme poll.state_lost open"]]);
    const resolved = body.items.find((one: { status: string }) => one.status === "resolved");
    expect(resolved).toEqual({
      id: expect.any(String),
      tenant_id: "acme",
      kind: "dlq.depth",
      subject: "",
      status: "resolved",
      message: "Too many",
      value: 12,
      threshold: null,
      resolved_value: 1,
      details: {},
      opened_at: expect.any(String),
      resolved_at: expect.any(String),
      notices: [
        { change: "opened", state: "due", attempts: 0, last_error: null },
        { change: "resolved", state: "due", attempts: 0, last_error: null },
      ],
    });
    const key = await keyOf(api, "globex");
    expect((await api.call("GET", "/tenants/acme/alerts", undefined, key)).status).toBe(403);
    expect((await api.call("GET", "/alerts", undefined, key)).status).toBe(403);
  });

  test("alerts of all tenants are listed for admins, by filters and in pages", async () => {
    const api = await withAlerts();
    const key = await keyOf(api, undefined);
    const alerts = async (query = "") =>
      kindsOf((await api.call("GET", `/alerts${query}`, undefined, key)).body);
    expect(await alerts()).toHaveLength(4);
    expect(await alerts("?status=open")).toEqual([
      "acme poll.state_lost open",
      "globex dlq.depth open",
      "null disk open",
    ]);
    expect(await alerts("?status=resolved")).toEqual(["acme dlq.depth resolved"]);
    expect(await alerts("?kind=dlq.depth")).toHaveLength(2);
    expect(await alerts("?subject=orders")).toEqual(["acme poll.state_lost open"]);
    expect(await alerts(`?until=${new Date(Date.now() - 60_000).toISOString()}`)).toEqual([]);
    const first = (await api.call("GET", "/alerts?limit=3")).body;
    const second = (await api.call("GET", `/alerts?limit=3&cursor=${first.next_cursor}`)).body;
    expect([first.items.length, second.items.length, second.next_cursor]).toEqual([3, 1, null]);
  });
});

describe("the policy of dead letters", () => {
  test("the dead letter policy has defaults, and a PUT replaces it", async () => {
    const api = await withTenants();
    const policy = async (path: string) => (await api.call("GET", path)).body;
    const defaults = { auto_replay: { enabled: false }, retention_days: 30, unmatched: "dlq" };
    expect(await policy("/dlq/policy")).toEqual(defaults);
    expect(await policy("/tenants/acme/dlq/policy")).toEqual(defaults);
    const alerting = { alert: { depth: 5, oldest_seconds: 60, webhook_url: "https://hooks.example/x" } };
    expect((await api.call("PUT", "/tenants/acme/dlq/policy", alerting)).body).toEqual({
      ...defaults,
      ...alerting,
    });
    await api.call("PUT", "/tenants/acme/dlq/policy", { retention_days: 3 });
    expect(await policy("/tenants/acme/dlq/policy")).toEqual({ ...defaults, retention_days: 3 });
    await api.call("PUT", "/dlq/policy", alerting);
    expect(await policy("/tenants/globex/dlq/policy")).toEqual({ ...defaults, ...alerting });
    expect(await policy("/tenants/acme/dlq/policy")).toEqual({ ...defaults, retention_days: 3 });
  });

  test("an invalid dead letter policy is rejected with the field", async () => {
    const api = await withTenants();
    const refused = async (body: unknown) => {
      const answer = await api.call("PUT", "/tenants/acme/dlq/policy", body);
      return [answer.status, answer.body.error?.details?.map((detail: { field: string }) => detail.field)];
    };
    expect(await refused({ retention_days: 0 })).toEqual([400, ["retention_days"]]);
    expect(await refused({ alert: { depth: 0 } })).toEqual([400, ["alert.depth"]]);
    expect(await refused({ alert: { webhook_url: "ftp://x" } })).toEqual([400, ["alert.webhook_url"]]);
    expect(await refused({ alert: { webhook_url: "https://" } })).toEqual([422, ["alert.webhook_url"]]);
    expect(await refused({ alert: { webhook_url: "https://a:b@x.example/" } })).toEqual([
      422,
      ["alert.webhook_url"],
    ]);
    expect(await refused({ unmatched: "keep" })).toEqual([400, ["unmatched"]]);
    expect(await refused({ retention: 3 })).toEqual([400, ["retention"]]);
  });
});
