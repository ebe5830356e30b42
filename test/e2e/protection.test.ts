import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { SECRET, signed } from "../support/deliver.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { connect, eventsOf, post, receiving } from "../support/receiving.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

function delivery(id: string, body?: string) {
  const { headers, body: text } = signed({
    id,
    type: "t",
    data: { id },
    ...(body !== undefined && { body }),
  });
  return [headers, text] as const;
}

const connectShop = (headrace: HeadraceProcess) =>
  connect(headrace, "standard-webhooks", { secret: SECRET, connector: "shop" });

test("a tenant over its rate limit gets 429, but only for valid signatures", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  await api(headrace.url, "PUT", "/tenants/acme", { limits: { events_per_second: 1 } });
  const answers: Awaited<ReturnType<typeof post>>[] = [];
  const refusals = () => answers.filter((answer) => answer.status === 429);
  // A busy machine's Redis may answer too late to limit a delivery.
  await until("ten deliveries are refused", async () => {
    const some = Array.from({ length: 5 }, (_, n) => post(url, ...delivery(`m${answers.length + n}`)));
    answers.push(...(await Promise.all(some)));
    return refusals().length >= 10;
  });
  const refused = refusals();
  expect(refused.map((answer) => Number(answer.headers.get("retry-after"))).every((wait) => wait >= 1)).toBe(
    true,
  );
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(answers.length - refused.length);
  expect(await eventsOf(headrace)).toHaveLength(answers.length - refused.length);
  const [headers, body] = delivery("m-x");
  expect((await post(url, { ...headers, "webhook-signature": "v1,AAAA" }, body)).status).toBe(401);
  const own = await fetch(`${headrace.url}/api/v1/tenants/other/events`, { method: "POST" });
  expect(own.status).toBe(401);
  await api(headrace.url, "PUT", "/tenants/acme", {});
  expect((await post(url, ...delivery("m-y"))).status).toBe(200);
});

test("a tenant with a full backlog gets 429, also from the API", async () => {
  const headrace = await receiving({ HEADRACE_ROLES: "api,receive" });
  const url = await connectShop(headrace);
  await api(headrace.url, "PUT", "/tenants/acme", { limits: { max_backlog: 3 } });
  for (const id of ["a", "b", "c"]) expect((await post(url, ...delivery(id))).status).toBe(200);
  await until("the backlog was found full", async () => (await post(url, ...delivery("d"))).status === 429);
  await expect(api(headrace.url, "POST", "/tenants/acme/events", { type: "t", data: {} })).rejects.toThrow(
    "429",
  );
  expect(await api(headrace.url, "POST", "/tenants/other/events", { type: "t", data: {} })).toBeDefined();
});

test("an address over its request rate gets 429 before any work, and loopback does not", async () => {
  const headrace = await receiving({ HEADRACE_TRUSTED_PROXIES: "127.0.0.1" });
  const url = await connectShop(headrace);
  const from = (address: string | undefined, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, n) => {
        const [headers, body] = delivery(`${address?.replaceAll(".", "-")}-${n}`);
        return post(url, { ...headers, ...(address !== undefined && { "x-forwarded-for": address }) }, body);
      }),
    );
  const flood: number[] = [];
  await until("the address was stopped", async () => {
    flood.push(...(await from("203.0.113.9", 300)).map((answer) => answer.status));
    return flood.includes(429);
  });
  expect(new Set(flood)).toEqual(new Set([200, 429]));
  expect(new Set((await from(undefined, 300)).map((answer) => answer.status))).toEqual(new Set([200]));
});

test("deliveries get 503 while an accepted event has not been routed for hours", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  const client = new pg.Client(headrace.databaseUrl);
  await client.connect();
  onTestFinished(() => client.end());
  const old = "00000000-0000-7000-8000-000000000000";
  await client.query(
    "INSERT INTO outbox (event_id, tenant_id, lane, visible_at) VALUES ($1, 'acme', 2, now() + interval '1 day')",
    [old],
  );
  const sent = async () => await post(url, ...delivery(crypto.randomUUID()));
  await until("deliveries are put off", async () => (await sent()).status === 503);
  const answer = await sent();
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect((await fetch(`${headrace.url}/healthz`)).status).toBe(200);
  await client.query("DELETE FROM outbox WHERE event_id = $1", [old]);
  await until("deliveries are taken again", async () => (await sent()).status === 200);
});

test("authentic but hostile JSON becomes dead letters and does not affect other deliveries", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  const bodies = [
    '{"type":"t","__proto__":{"admin":true}}',
    '{"type":"t","constructor":{"prototype":{"admin":true}}}',
    '\ufeff\ufeff{"type":"t"}',
    "[".repeat(100_000),
    `${'{"a":'.repeat(65)}1${"}".repeat(65)}`,
    '{"type":"t"',
    "",
  ];
  const answers = await Promise.all([
    ...bodies.map((body, n) => post(url, ...delivery(`bad-${n}`, body))),
    ...Array.from({ length: 20 }, (_, n) => post(url, ...delivery(`good-${n}`))),
    post(url, ...delivery("nul", '{"type":"t","data":"a\\u0000b"}')),
  ]);
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
  const letters = async () =>
    (
      (await api(headrace.url, "GET", "/tenants/acme/dlq?stage=normalize&limit=100")) as {
        items: { event_payload: unknown }[];
      }
    ).items;
  await until("the six are dead letters", async () => (await letters()).length === 6);
});

test("deliveries signed with an old secret are counted", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  const next = `whsec_${Buffer.from("the next secret of thirty bytes!").toString("base64")}`;
  await api(headrace.url, "POST", "/tenants/acme/endpoints/shop/rotate", {
    value: next,
    overlap_seconds: 60,
  });
  expect((await post(url, ...delivery("by-old"))).status).toBe(200);
  const renewed = signed({ id: "by-new", type: "t", data: {}, secret: next });
  expect((await post(url, renewed.headers, renewed.body)).status).toBe(200);
  const metrics = await (await fetch(`${headrace.url}/metrics`)).text();
  expect(metrics).toContain('headrace_old_secret_deliveries_total{connector="shop"} 1');
  await api(headrace.url, "POST", "/tenants/acme/endpoints/shop/rotate", { value: next, overlap_seconds: 0 });
  expect((await post(url, ...delivery("by-old-again"))).status).toBe(401);
});

test("every rejected delivery gets the same response, and the tenant can list the reasons", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  await api(headrace.url, "PUT", "/tenants/acme/endpoints/shop/off", {
    secrets: [{ value: SECRET }],
    enabled: false,
  });
  const [headers, body] = delivery("m");
  const urls = {
    signature_mismatch: [
      url,
      { ...headers, "webhook-signature": `v1,${Buffer.alloc(32).toString("base64")}` },
    ],
    signature_missing: [url, { "content-type": "application/json" }],
    unknown_endpoint: [`${url}/none`, headers],
    disabled: [`${url}/off`, headers],
    unknown_tenant: [url.replace("/acme", "/nobody"), headers],
    unknown_connector: [url.replace("/shop", "/none"), headers],
  } as const;
  const answers = await Promise.all(
    Object.values(urls).map(
      async ([target, sent]) => await post(target, sent as Record<string, string>, body),
    ),
  );
  const shapes = answers.map(({ status, text, headers }) => {
    const names = [...headers].filter(([name]) => name !== "date");
    return JSON.stringify([status, text, names]);
  });
  expect(new Set(shapes).size).toBe(1);
  expect(answers[0]?.status).toBe(401);

  const rejections = async (path: string) =>
    (
      (await api(headrace.url, "GET", path)) as {
        items: { reason: string; tenant_id: string | null; connector: string | null; count: number }[];
      }
    ).items;
  await until("they are listed", async () => (await rejections("/rejections")).length >= 5);
  expect((await rejections("/tenants/acme/rejections")).map((item) => item.reason).sort()).toEqual([
    "disabled",
    "signature_mismatch",
    "signature_missing",
    "unknown_endpoint",
  ]);
  expect(await rejections("/tenants/other/rejections")).toEqual([]);
  const nobody = (await rejections("/rejections")).filter((item) => item.tenant_id === null);
  expect(nobody).toMatchObject([{ reason: "unknown_endpoint", connector: null }]);
  const filtered = await rejections("/rejections?reason=disabled&connector=shop");
  expect(filtered).toMatchObject([{ tenant_id: "acme", connector: "shop", endpoint: "off", count: 1 }]);
});
