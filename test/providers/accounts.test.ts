import { createHmac } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { connect, eventsOf, post, receiving } from "../support/receiving.ts";

beforeAll(builtProgram);

const JSON_TYPE = { "content-type": "application/json" };

function slack(body: unknown, secret = "app-secret") {
  const text = JSON.stringify(body);
  const time = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", secret).update(`v0:${time}:${text}`).digest("hex");
  const headers = { ...JSON_TYPE, "x-slack-request-timestamp": time, "x-slack-signature": `v0=${signature}` };
  return [headers, text] as const;
}

async function callApi(url: string, method: string, path: string, body: unknown) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...JSON_TYPE, authorization: `Bearer ${ADMIN_KEY}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function xero(events: unknown[]) {
  const text = JSON.stringify({ events });
  const signature = createHmac("sha256", "app-secret").update(text).digest("base64");
  return [{ ...JSON_TYPE, "x-xero-signature": signature }, text] as const;
}

function mention(team: string | undefined, id: string) {
  return { type: "event_callback", team_id: team, event_id: id, event: { type: "app_mention" } };
}

test("a delivery for one tenant's account never reaches another tenant with the same secret", async () => {
  const headrace = await receiving();
  const acme = await connect(headrace, "slack", { secret: "app-secret", account: "T1" });
  const other = await connect(headrace, "slack", { secret: "app-secret", account: "T2", tenant: "other" });
  const app = acme.replace("/acme", "");

  expect((await post(acme, ...slack(mention("T1", "Ev1")))).status).toBe(200);
  expect((await post(other, ...slack(mention("T1", "Ev2")))).status).toBe(401);
  expect((await post(acme, ...slack(mention(undefined, "Ev3")))).status).toBe(401);

  expect((await post(app, ...slack(mention("T2", "Ev4")))).status).toBe(200);
  expect((await post(app, ...slack(mention("T1", "Ev5")))).status).toBe(200);
  expect((await post(app, ...slack(mention("T3", "Ev6")))).status).toBe(401);
  expect((await post(app, ...slack(mention(undefined, "Ev7")))).status).toBe(401);
  expect((await post(app, ...slack(mention("T1", "Ev8"), "wrong"))).status).toBe(401);

  const ids = async (tenant: string) =>
    (await eventsOf(headrace, tenant)).map((event) => (event.data as { event_id: string }).event_id).sort();
  expect([await ids("acme"), await ids("other")]).toEqual([["Ev1", "Ev5"], ["Ev4"]]);

  const wrongAccounts = async () => {
    const { items } = (await api(headrace.url, "GET", "/rejections?reason=wrong_account")) as {
      items: { tenant_id: string | null; count: number }[];
    };
    return items.reduce((sum, item) => sum + item.count, 0);
  };
  await expect.poll(wrongAccounts).toBe(4);
});

test("the same delivery at the app's URL and at the tenant's is one event", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "slack", { secret: "app-secret", account: "T1" });
  const delivery = slack(mention("T1", "Ev1"));
  const first = JSON.parse((await post(url.replace("/acme", ""), ...delivery)).text);
  const second = JSON.parse((await post(url, ...delivery)).text);
  expect(second).toEqual({ status: "duplicate", event_id: first.event_id });
});

test("a batch at the app's URL is divided by each item's account", async () => {
  const headrace = await receiving();
  const acme = await connect(headrace, "xero", { secret: "app-secret", account: "t1" });
  await connect(headrace, "xero", { secret: "app-secret", account: "t2", tenant: "other" });
  const item = (tenantId: string, resourceId: string) => ({ tenantId, resourceId, eventType: "UPDATE" });
  const batch = [item("t1", "a"), item("t2", "b"), item("t3", "c"), item("t1", "d")];
  expect((await post(acme.replace("/acme", ""), ...xero(batch))).status).toBe(200);
  const resources = async (tenant: string) =>
    (await eventsOf(headrace, tenant))
      .map((event) => (event.data as { resourceId: string }).resourceId)
      .sort();
  expect([await resources("acme"), await resources("other")]).toEqual([["a", "d"], ["b"]]);
  // At a tenant's own URL items of others are left out, and a batch with only such items is rejected.
  expect((await post(acme, ...xero([item("t2", "e"), item("t1", "f")]))).status).toBe(200);
  expect((await post(acme, ...xero([item("t2", "g")]))).status).toBe(401);
  expect([await resources("acme"), await resources("other")]).toEqual([["a", "d", "f"], ["b"]]);
});

test("an endpoint without an account takes no delivery of an account that another tenant has named", async () => {
  const headrace = await receiving();
  await connect(headrace, "slack", { secret: "app-secret", account: "T1" });
  const other = await connect(headrace, "slack", { secret: "app-secret", tenant: "other" });
  const sent = async (team: string | undefined, id: string, secret?: string) =>
    (await post(other, ...slack(mention(team, id), secret))).status;
  expect(await sent("T1", "Ev1")).toBe(401);
  expect([await sent("T9", "Ev2"), await sent(undefined, "Ev3")]).toEqual([200, 200]);
  // For an app of the tenant's own the account does not matter: no other tenant has its secret.
  const path = "/tenants/other/endpoints/slack";
  await api(headrace.url, "PUT", path, { secrets: [{ value: "app-secret" }, { value: "own-secret" }] });
  expect([await sent("T1", "Ev4", "own-secret"), await sent("T1", "Ev5")]).toEqual([200, 401]);
  await api(headrace.url, "DELETE", "/tenants/acme/endpoints/slack");
  expect(await sent("T1", "Ev6")).toBe(200);

  await connect(headrace, "xero", { secret: "app-secret", account: "t1" });
  const xeroOfOther = await connect(headrace, "xero", { secret: "app-secret", tenant: "other" });
  const batch = ["t1", "t2", "t1"].map((tenantId, n) => ({
    tenantId,
    resourceId: `r${n}`,
    eventType: "UPDATE",
  }));
  expect((await post(xeroOfOther, ...xero(batch))).status).toBe(200);
  const resources = (await eventsOf(headrace, "other")).flatMap(({ connector, data }) =>
    connector === "xero" ? (data as { resourceId: string }).resourceId : [],
  );
  expect(resources).toEqual(["r1"]);
});

test("of many endpoints with one account, the one whose secret signed takes the delivery", async () => {
  const headrace = await receiving();
  const put = (path: string, secret: string, account = "T1") =>
    callApi(headrace.url, "PUT", path, { secrets: [{ value: secret }], account });
  const squatter = await connect(headrace, "slack", { secret: "squat", account: "T1", tenant: "other" });
  for (const n of [1, 2, 3]) {
    expect((await put(`/tenants/other/endpoints/slack/e${n}`, `squat${n}`)).status).toBe(200);
  }
  const more = await put("/tenants/other/endpoints/slack/e4", "squat4");
  expect([more.status, more.body]).toMatchObject([
    422,
    { error: { message: expect.stringContaining("4 endpoints of this account") } },
  ]);
  // An endpoint with many accounts does not come before one with a single account.
  for (const tenant of Array.from({ length: 14 }, (_, n) => `t${n}`)) {
    await api(headrace.url, "PUT", `/tenants/${tenant}`, {});
    expect((await put(`/tenants/${tenant}/endpoints/slack`, `of-${tenant}`)).status).toBe(200);
  }
  const own = await put("/tenants/acme/endpoints/slack", "app-secret");
  expect(own.status).toBe(200);
  const app = squatter.replace("/other", "");
  expect((await post(app, ...slack(mention("T1", "Ev1")))).status).toBe(200);
  expect((await post(app, ...slack(mention("T1", "Ev2"), "squat"))).status).toBe(200);
  expect((await post(app, ...slack(mention("T1", "Ev3"), "nobody's"))).status).toBe(401);
  const ids = async (tenant: string) =>
    (await eventsOf(headrace, tenant)).map((event) => (event.data as { event_id: string }).event_id);
  expect([await ids("acme"), await ids("other")]).toEqual([["Ev1"], ["Ev2"]]);
});

test("an endpoint conflicts only on the same account and secret, without naming the other tenant", async () => {
  const headrace = await receiving();
  await connect(headrace, "slack", { secret: "app-secret", account: "T1" });
  await connect(headrace, "standard-webhooks", { secret: "whsec_c2VjcmV0LXNlY3JldA==", account: "A" });
  const call = (method: string, path: string, body: unknown) =>
    callApi(headrace.url, method, `/tenants/other/endpoints/${path}`, body);
  const both = [{ value: "another" }, { value: "app-secret" }];
  const refused = await call("PUT", "slack", { secrets: both, account: "T1" });
  expect(refused).toMatchObject({ status: 409, body: { error: { code: "conflict" } } });
  expect(JSON.stringify(refused.body)).not.toMatch(/acme|T1|app-secret/);
  expect((await call("PUT", "slack", { secrets: both, account: "T2" })).status).toBe(200);
  expect((await call("PUT", "slack", { secrets: [{ value: "another" }], account: "T1" })).status).toBe(200);
  expect((await call("POST", "slack/rotate", { value: "app-secret" })).status).toBe(409);
  // Different spellings of a key are the same key.
  const written = { secrets: [{ value: "c2VjcmV0LXNlY3JldA" }], account: "A" };
  expect((await call("PUT", "standard-webhooks", written)).status).toBe(409);
  // A repeated PUT does not conflict with itself, and a removed secret is free.
  const again = { secrets: [{ value: "app-secret" }], account: "T1" };
  const own = await callApi(headrace.url, "PUT", "/tenants/acme/endpoints/slack", again);
  expect(own.status).toBe(200);
  await api(headrace.url, "DELETE", "/tenants/acme/endpoints/slack");
  expect((await call("PUT", "slack", again)).status).toBe(200);
});

test("a batch can name many accounts, and each endpoint takes its own items", {
  timeout: 60_000,
}, async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "xero", { secret: "app-secret", account: "t-default" });
  const own = Array.from({ length: 30 }, (_, n) => n);
  for (const n of own) {
    await api(headrace.url, "PUT", `/tenants/acme/endpoints/xero/e${n}`, {
      secrets: [{ value: "app-secret" }],
      account: `t${n}`,
    });
  }
  const items = Array.from({ length: 900 }, (_, n) => ({
    tenantId: `t${n}`,
    resourceId: `r${n}`,
    eventType: "UPDATE",
  }));
  expect((await post(url.replace("/acme", ""), ...xero(items))).status).toBe(200);
  const events = (await eventsOf(headrace)) as unknown as {
    endpoint: string;
    data: { resourceId: string };
  }[];
  expect(events.map(({ endpoint, data }) => [endpoint, data.resourceId]).sort()).toEqual(
    own.map((n) => [`e${n}`, `r${n}`]).sort(),
  );
  const many = Array.from({ length: 1_001 }, (_, n) => ({
    tenantId: `t${n}`,
    resourceId: "r",
    eventType: "UPDATE",
  }));
  expect((await post(url.replace("/acme", ""), ...xero(many))).status).toBe(413);
});

test("a batch repeated under another content type is a duplicate", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "xero", { secret: "app-secret" });
  const [headers, body] = xero([{ tenantId: "t1", resourceId: "a", eventType: "UPDATE" }]);
  for (const type of [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/xml",
    "application/json",
  ])
    expect((await post(url, { ...headers, "content-type": type }, body)).status).toBe(200);
  expect(await eventsOf(headrace)).toHaveLength(1);
});

test("an account belongs to one endpoint of a connector", async () => {
  const headrace = await receiving();
  await connect(headrace, "slack", { secret: "app-secret", account: "T1" });
  await expect(
    connect(headrace, "slack", { secret: "app-secret", account: "T1", tenant: "other" }),
  ).rejects.toThrow(/409.*account/);
});

test("items of a batch are events of their own type, deduplicated across batches by id", async () => {
  const headrace = await receiving();
  await api(headrace.url, "PUT", "/connectors/mails", {
    webhook: {
      scheme: {
        algorithm: "hmac-sha256",
        signature: { from: [{ header: "x-sig" }], encoding: "hex" },
        content: ["body"],
        items: ["/events"],
        delivery_id: [{ item: "/id" }],
        type: { from: [{ item: "/kind" }] },
      },
    },
  });
  await api(headrace.url, "PUT", "/tenants/acme/endpoints/mails", { secrets: [{ value: "s" }] });
  const send = async (events: unknown[]) => {
    const body = JSON.stringify({ events });
    const signature = createHmac("sha256", "s").update(body).digest("hex");
    const url = `${headrace.url}/api/v1/webhooks/mails/acme`;
    return JSON.parse((await post(url, { ...JSON_TYPE, "x-sig": signature }, body)).text);
  };
  const first = await send([{ id: 1, kind: "sent" }, { id: 2, kind: "opened" }, { kind: "unnamed" }]);
  expect(first).toMatchObject({
    status: "accepted",
    event_ids: [expect.any(String), expect.any(String), expect.any(String)],
  });
  const second = await send([
    { id: 3, kind: "sent" },
    { id: 2, kind: "opened", again: true },
  ]);
  expect(second).toMatchObject({ status: "accepted" });
  expect(second.event_ids[1]).toBe(first.event_ids[1]);
  const types = (await eventsOf(headrace)).map((event) => event.type).sort();
  expect(types).toEqual(["opened", "sent", "sent", "unnamed"]);
});
