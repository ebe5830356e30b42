import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver, SECRET, signed } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { privateStores } from "../support/stores.ts";
import { setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** One process on the shared stores or those given, with a tenant whose flow calls the sink. */
async function serving(stores?: { databaseUrl: string; redisUrl: string }) {
  const { launch, start, databaseUrl } = await createInstallation(stores);
  const sink = await startSink();
  const headrace = await start();
  const { port, url } = headrace;
  const { webhookPath } = await setUpTenant(url, "acme", { all: shopFlow(sink.url) });
  return {
    headrace,
    url,
    sink,
    databaseUrl,
    start,
    /** Starts the next process on the port of the first, which has ended. */
    launchNext: (env: Record<string, string> = {}) => launch({ port, env }),
    webhookUrl: `${url}${webhookPath}`,
  };
}

async function events(url: string): Promise<{ id: string; status: string }[]> {
  return (
    (await api(url, "GET", "/tenants/acme/events?limit=1000")) as { items: { id: string; status: string }[] }
  ).items;
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  return await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
}

describe("a delivery", () => {
  test("a delivery is committed, starts its flow, and calls the target with a CloudEvent", async () => {
    const { headrace, sink, webhookUrl } = await serving();
    const answer = await deliver(webhookUrl, { id: "msg_1", type: "order.paid", data: { total: 250 } });
    expect(answer).toEqual({ status: 200, body: { status: "accepted", event_id: expect.any(String) } });
    await until("the target was called", () => sink.calls.length === 1);
    expect(sink.calls[0]?.event).toMatchObject({
      specversion: "1.0",
      id: answer?.body.event_id,
      source: "/tenants/acme/connectors/shop",
      type: "order.paid",
      tenantid: "acme",
      data: { type: "order.paid", data: { total: 250 } },
    });
    await until("the run succeeded", async () => {
      const runs = (await api(headrace.url, "GET", "/tenants/acme/runs")) as { items: { status: string }[] };
      return runs.items[0]?.status === "succeeded";
    });
  });

  test("fifty concurrent copies of a delivery are one event", async () => {
    const { headrace, webhookUrl } = await serving();
    const { headers, body } = signed({ id: "msg_same", type: "order.paid", data: {} });
    const answers = await Promise.all(
      Array.from(
        { length: 50 },
        async () => (await (await post(webhookUrl, headers, body)).json()) as { event_id: string },
      ),
    );
    expect(new Set(answers.map((answer) => answer.event_id)).size).toBe(1);
    expect(await events(headrace.url)).toHaveLength(1);
  });

  test("a delivery repeated after a crash between commit and response keeps its event", async () => {
    const { headrace, launchNext, sink, webhookUrl } = await serving();
    await headrace.end("SIGTERM");
    const dying = launchNext({ HEADRACE_FAILPOINTS: "accept.committed" });
    await dying.ready();
    const delivery = { id: "msg_cut", type: "order.paid", data: { n: 1 } };
    expect(await deliver(webhookUrl, delivery)).toBeUndefined();
    await until("the process is gone", () => dying.ended);
    const next = launchNext();
    await next.ready();
    const [stored] = await events(next.url);
    expect(await deliver(webhookUrl, delivery)).toEqual({
      status: 200,
      body: { status: "duplicate", event_id: stored?.id },
    });
    expect(await events(next.url)).toHaveLength(1);
    await until("its flow ran", () => sink.calls.length > 0);
  }, 90_000);

  test("every invalid delivery is rejected alike", async () => {
    const { headrace, webhookUrl } = await serving();
    const good = { id: "msg_r", type: "order.paid", data: {} };
    const { headers, body } = signed(good);
    const old = signed({ ...good, nowMs: Date.now() - 302_000 });
    const early = signed({ ...good, nowMs: Date.now() + 302_000 });
    const other = signed({ ...good, secret: `whsec_${Buffer.from("another secret").toString("base64")}` });
    const { "webhook-signature": _signature, ...unsigned } = headers;
    const answers = await Promise.all([
      post(webhookUrl, headers, `${body} `),
      post(webhookUrl, unsigned, body),
      post(webhookUrl, old.headers, old.body),
      post(webhookUrl, early.headers, early.body),
      post(webhookUrl, other.headers, other.body),
      post(webhookUrl.replace("acme", "nobody"), headers, body),
      post(webhookUrl.replace("shop", "nothing"), headers, body),
      post(`${webhookUrl}/second`, headers, body),
    ]);
    const seen = await Promise.all(
      answers.map(async (answer) => {
        const names = [...answer.headers.keys()].filter((name) => name !== "date");
        return JSON.stringify([answer.status, names, await answer.text()]);
      }),
    );
    expect(new Set(seen).size).toBe(1);
    expect(JSON.parse(seen[0] as string)[0]).toBe(401);
    expect(await events(headrace.url)).toHaveLength(0);
    const metrics = await (await fetch(`${headrace.url}/metrics`)).text();
    expect(metrics).toContain('headrace_rejections_total{reason="timestamp_too_old"} 1');
    expect(metrics).toContain('headrace_rejections_total{reason="unknown_endpoint"} 3');
  });

  test("an authentic but unreadable delivery is accepted and becomes a dead letter with its bytes", async () => {
    const { headrace, webhookUrl } = await serving();
    const bodies = [
      '{"__proto__":{"a":1}}',
      `${"[".repeat(100_000)}`,
      '\ufeff\ufeff{"a":1}',
      "not json",
      '{"a":"\\u0000"}',
    ];
    for (const [index, body] of bodies.entries()) {
      const { headers } = signBody(`msg_${index}`, body);
      expect((await post(webhookUrl, headers, body)).status).toBe(200);
    }
    await until("four are dead letters, and the one that can be read ran", async () => {
      const { items } = (await api(headrace.url, "GET", "/tenants/acme/dlq?stage=normalize")) as {
        items: unknown[];
      };
      const statuses = (await events(headrace.url)).map((event) => event.status).sort();
      return items.length === 4 && statuses.join() === "dead,dead,dead,dead,routed";
    });
  });

  test("an encoded or oversized body is rejected before verification", async () => {
    const { webhookUrl } = await serving();
    const { headers, body } = signed({ id: "msg_p", type: "order.paid", data: {} });
    const packed = await post(webhookUrl, { ...headers, "content-encoding": "gzip" }, body);
    expect([packed.status, await packed.json()]).toMatchObject([
      415,
      { error: { code: "unsupported_media_type" } },
    ]);
    const large = `"${"x".repeat(5_300_000)}"`;
    const refused = await post(webhookUrl, signBody("msg_l", large).headers, large);
    expect([refused.status, await refused.json()]).toMatchObject([
      413,
      { error: { code: "payload_too_large" } },
    ]);
    expect((await fetch(webhookUrl)).status).toBe(405);
  });
});

describe("a changed endpoint", () => {
  test("a changed endpoint is in effect on every copy when the call returns", async () => {
    const { headrace, start, webhookUrl } = await serving();
    const second = await start({ roles: "api" });
    for (let round = 0; round < 10; round += 1) {
      const id = `msg_${round}`;
      await api(headrace.url, "PUT", "/tenants/acme/endpoints/shop", {
        secrets: [{ value: SECRET }],
        enabled: false,
      });
      expect((await deliver(webhookUrl, { id, type: "t", data: {} }))?.status).toBe(401);
      await api(second.url, "PUT", "/tenants/acme/endpoints/shop", { secrets: [{ value: SECRET }] });
      expect((await deliver(webhookUrl, { id, type: "t", data: {} }))?.status).toBe(200);
    }
  });
});

describe("stores that go away", () => {
  test("deliveries are accepted and deduplicated while Redis is down, and run when it is back", async () => {
    const stores = await privateStores();
    const { url, webhookUrl, sink } = await serving(stores);
    await stores.redis.kill();
    const first = await deliver(webhookUrl, { id: "msg_1", type: "t", data: {} });
    const again = await deliver(webhookUrl, { id: "msg_1", type: "t", data: {} });
    expect([first?.body.status, again?.body.status]).toEqual(["accepted", "duplicate"]);
    await until("readiness says which store is away", async () => {
      const answer = await fetch(`${url}/readyz`);
      const { checks } = (await answer.json()) as { checks: Record<string, { ok: boolean }> };
      return answer.status === 503 && checks["redis"]?.ok === false && checks["postgres"]?.ok === true;
    });
    await stores.redis.restart();
    await until("the flow ran", () => sink.calls.length === 1);
  }, 60_000);

  test("nothing is acknowledged while PostgreSQL is down, and a repeated delivery is one event", async () => {
    const stores = await privateStores();
    const { url, webhookUrl, sink } = await serving(stores);
    await stores.postgres.kill();
    const { headers, body } = signed({ id: "msg_1", type: "t", data: {} });
    const refused = await post(webhookUrl, headers, body);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    await stores.postgres.restart();
    await until("the delivery is taken", async () => (await post(webhookUrl, headers, body)).status === 200);
    await until("the flow ran", () => sink.calls.length === 1);
    expect(await events(url)).toHaveLength(1);
  }, 60_000);
});

describe("a process that is told to stop", () => {
  test("a process stopped under load acknowledges only committed events, and exits with 0", async () => {
    const { headrace, launchNext, webhookUrl } = await serving();
    const answers: Promise<Awaited<ReturnType<typeof deliver>>>[] = [];
    let stopping = false;
    const load = (async () => {
      for (let n = 0; n < 800 && !(stopping && n > 300); n += 1) {
        answers.push(deliver(webhookUrl, { id: `msg_${n}`, type: "t", data: { n } }));
        if (n % 10 === 0) await delay(5);
      }
    })();
    await until("some were accepted", async () => (await events(headrace.url)).length > 50);
    const startedMs = performance.now();
    const code = await headrace.end("SIGTERM");
    stopping = true;
    await load;
    expect(code).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    const acknowledged = (await Promise.all(answers)).flatMap((answer) =>
      answer?.status === 200 ? answer.body.event_id : [],
    );
    const next = launchNext();
    await next.ready();
    await until("every acknowledged event is routed", async () => {
      const routed = new Set(
        (await events(next.url)).filter((event) => event.status === "routed").map((event) => event.id),
      );
      return acknowledged.every((id) => routed.has(id));
    });
    expect(acknowledged.length).toBeGreaterThan(50);
  }, 60_000);
});

function signBody(id: string, body: string): { headers: Record<string, string> } {
  return signed({ id, type: "t", data: {}, body });
}
