import { describe, expect, test } from "vitest";
import { createEndpointCache } from "../../src/pipeline/receive/endpoint-cache.ts";
import { InboundRequest } from "../../src/pipeline/receive/schemes/inbound-request.ts";
import { readCounter } from "../../src/postgres/core/change-counters.ts";
import { claimRuns, extendLeases } from "../../src/postgres/runs/runs.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { signed } from "../support/deliver.ts";
import { KEY_RING, route, type ServedApi, serveApi } from "./serve-api.ts";

const SECRETS = ["first", "second"].map((text) => `whsec_${Buffer.from(text.repeat(6)).toString("base64")}`);

async function withShop(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  await api.call("PUT", "/connectors/shop", { webhook: { preset: "standard-webhooks" } });
  return api;
}

/** Returns the endpoints as a receiver that has just started sees them. */
function endpointsOf(api: ServedApi) {
  return createEndpointCache({
    database: api.database.ingest,
    keyRing: KEY_RING,
    maxEndpoints: 10,
    maxTried: 8,
    lookUps: DEFAULT_BOUNDS.lookUps,
  });
}

/** Returns the receiver's response to a delivery signed with the secret. */
async function verdict(api: ServedApi, secret: string | undefined): Promise<string> {
  const known = await endpointsOf(api).endpoint({ tenantId: "acme", connector: "shop", endpoint: "default" });
  if (known.closed !== undefined) return known.closed;
  const nowMs = Date.now();
  const { headers, body } = signed({
    id: "m1",
    type: "t",
    data: {},
    nowMs,
    ...(secret === undefined ? {} : { secret }),
  });
  const rawHeaders = Object.entries(headers).flat();
  const request = new InboundRequest({ method: "POST", url: "/", rawHeaders, body: Buffer.from(body) });
  return known.verify(request, nowMs).kind;
}

describe("tenants", () => {
  test("a PUT of a tenant resets omitted fields to their defaults", async () => {
    const api = await serveApi();
    const full = { name: "Acme", weight: 3, limits: { events_per_second: 10 }, retention_days: 7 };
    const put = await api.call("PUT", "/tenants/acme", full);
    expect(put).toMatchObject({ status: 200, body: { id: "acme", ...full } });
    expect((await api.call("GET", "/tenants/acme")).body).toEqual(put.body);
    const emptied = (await api.call("PUT", "/tenants/acme", {})).body;
    expect(emptied).toEqual({
      id: "acme",
      weight: 1,
      limits: {},
      created_at: put.body.created_at,
      updated_at: expect.any(String),
    });
  });

  test("tenants are listed in pages by id", async () => {
    const api = await serveApi();
    for (const id of ["c", "a", "b", "d", "e"]) await api.call("PUT", `/tenants/${id}`, {});
    const ids: string[] = [];
    for (let cursor = ""; ; ) {
      const { items, next_cursor } = (await api.call("GET", `/tenants?limit=2${cursor}`)).body;
      ids.push(...items.map((item: { id: string }) => item.id));
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
    }
    expect(ids).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("a deleted tenant accepts and shows nothing, and its flows and runs end", async () => {
    const api = await withShop();
    await api.call("PUT", "/tenants/acme/endpoints/shop", { secrets: [{ value: SECRETS[0] }] });
    await api.call("PUT", "/tenants/acme/flows/f", { trigger: {}, action: { type: "code", handler: "h" } });
    await api.call("POST", "/tenants/acme/flows/f/deploy");
    const post = (data: number) => api.call("POST", "/tenants/acme/events", { type: "t", data });
    const [routed, waiting] = [(await post(1)).body.event_id, (await post(2)).body.event_id];
    await route(api.database, [routed]);
    const { items } = (await api.call("GET", "/tenants/acme/runs")).body;
    const { runs } = await claimRuns(api.database.pipeline, [items[0].id], 60_000);
    const before = await readCounter(api.database.pipeline, "receive");

    expect((await api.call("DELETE", "/tenants/acme")).status).toBe(204);

    expect((await extendLeases(api.database.pipeline, runs, 60_000)).size).toBe(0);
    const states = await api.database.pipeline.query({ text: "SELECT state FROM runs" });
    expect(states).toEqual([{ state: "cancelled" }]);
    await route(api.database, [waiting]);
    expect(await api.database.pipeline.query({ text: "SELECT state FROM runs" })).toEqual(states);
    const live = { text: "SELECT 1 FROM deployments WHERE deployed_until IS NULL" };
    expect(await api.database.pipeline.query(live)).toEqual([]);
    expect(await verdict(api, SECRETS[0])).toBe("unknown_endpoint");
    expect(await readCounter(api.database.pipeline, "receive")).toBeGreaterThan(before);
    expect((await api.call("GET", "/tenants/acme")).status).toBe(404);
    expect((await api.call("GET", "/tenants")).body.items).toEqual([]);
    expect((await api.call("GET", "/tenants/acme/events")).status).toBe(404);
    expect((await api.call("POST", "/tenants/acme/flows/f/deploy")).status).toBe(404);
    expect((await api.call("PUT", "/tenants/acme", {})).body.error.code).toBe("conflict");
    expect((await api.call("DELETE", "/tenants/acme")).status).toBe(204);
    expect((await api.call("DELETE", "/tenants/ghost")).status).toBe(404);
  });
});

describe("connectors", () => {
  test("a connector accepts a preset with params, a scheme, and a source", async () => {
    const api = await serveApi();
    const preset = { webhook: { preset: "hmac-sha256", params: { header: "X-Sig" } } };
    const scheme = {
      name: "Own",
      webhook: {
        scheme: {
          algorithm: "hmac-sha256",
          signature: { from: [{ header: "x-s" }], encoding: "hex" },
          content: ["body"],
          type: { from: [{ body: "/type" }] },
        },
      },
      source: { request: { url: "https://shop.example/orders" }, records: "orders", id: "id" },
    };
    expect((await api.call("PUT", "/connectors/one", preset)).body).toMatchObject(preset);
    expect((await api.call("PUT", "/connectors/two", scheme)).body).toMatchObject(scheme);
    expect((await api.call("GET", "/connectors/two")).body).toMatchObject({ id: "two", ...scheme });
    const { items } = (await api.call("GET", "/connectors")).body;
    expect(items.map((item: { id: string }) => item.id)).toEqual(["one", "two"]);
  });

  test("the body limit of a connector is a number or text, which its endpoint overrides", async () => {
    const api = await withShop();
    const limitOf = async () => {
      const { scheme } = await endpointsOf(api).endpoint({
        tenantId: "acme",
        connector: "shop",
        endpoint: "default",
      });
      return scheme.body_limit_bytes;
    };
    const url = "/tenants/acme/endpoints/shop";
    await api.call("PUT", url, { secrets: [{ value: SECRETS[0] }] });
    expect(await limitOf()).toBe(5_242_880);
    const webhook = { preset: "standard-webhooks", params: { body_limit_bytes: 10_000_000 } };
    expect((await api.call("PUT", "/connectors/shop", { webhook })).body.webhook).toEqual(webhook);
    expect(await limitOf()).toBe(10_000_000);
    const params = { body_limit_bytes: "26214400", freshness: "strict" };
    const own = { secrets: [{ value: SECRETS[0] }], params };
    expect((await api.call("PUT", url, own)).body.params).toEqual(params);
    expect(await limitOf()).toBe(26_214_400);
    const tooLarge = await api.call("PUT", url, { params: { body_limit_bytes: 26_214_401 } });
    expect([tooLarge.status, tooLarge.body.error.details[0].field]).toEqual([400, "params.body_limit_bytes"]);
  });

  test("a connector is rejected with the path of the invalid field", async () => {
    const api = await serveApi();
    const cases: [input: unknown, field: string][] = [
      [{ webhook: { preset: "nope" } }, "preset"],
      [{ webhook: { preset: "github", params: { header: "x" } } }, "params.header"],
      [{ webhook: { scheme: { algorithm: "md5" } } }, "scheme.algorithm"],
      [{ webhook: { preset: "github", scheme: {} } }, "webhook"],
      [{ webhoock: {} }, "webhoock"],
    ];
    for (const [input, field] of cases) {
      const { status, body } = await api.call("PUT", "/connectors/x", input);
      const fields = body.error.details.map((detail: { field: string }) => detail.field);
      expect([status, fields]).toEqual([400, expect.arrayContaining([field])]);
    }
  });

  test("a connector cannot change to contradict the params of its endpoints", async () => {
    const api = await serveApi();
    await api.call("PUT", "/tenants/acme", {});
    await api.call("PUT", "/connectors/shop", { webhook: { preset: "hmac-sha256" } });
    await api.call("PUT", "/tenants/acme/endpoints/shop/eu", { params: { header: "X-Sig" } });
    const changed = await api.call("PUT", "/connectors/shop", { webhook: { preset: "github" } });
    expect(changed.status).toBe(409);
    expect(changed.body.error.message).toContain("Endpoint eu of tenant acme");
    expect((await api.call("GET", "/connectors/shop")).body.webhook.preset).toBe("hmac-sha256");
  });

  test("deleting a connector with force deletes its endpoints", async () => {
    const api = await withShop();
    await api.call("PUT", "/tenants/acme/endpoints/shop", { secrets: [{ value: SECRETS[0] }] });
    expect(await verdict(api, SECRETS[0])).toBe("authentic");
    expect((await api.call("DELETE", "/connectors/shop?force=true")).status).toBe(204);
    expect(await verdict(api, SECRETS[0])).toBe("unknown_endpoint");
    expect((await api.call("GET", "/tenants/acme/endpoints")).body.items).toEqual([]);
    expect((await api.call("DELETE", "/connectors/shop")).status).toBe(404);
  });
});

describe("the deletion of a connector in use", () => {
  test("a connector in use is not deleted, and the refusal names endpoints, sources and flows", async () => {
    const api = await withShop();
    await api.call("PUT", "/connectors/shop", {
      webhook: { preset: "standard-webhooks" },
      source: { handler: "shop" },
    });
    await api.call("PUT", "/tenants/globex", {});
    await api.call("PUT", "/tenants/acme/endpoints/shop/eu", { secrets: [{ value: SECRETS[0] }] });
    await api.call("PUT", "/tenants/globex/sources/orders", { connector: "shop", entity: "order" });
    const action = { type: "code", handler: "h" };
    await api.call("PUT", "/tenants/globex/flows/sync", { trigger: { connector: "shop" }, action });
    await api.call("PUT", "/tenants/globex/flows/other", { trigger: { connector: "shops" }, action });

    for (const path of ["/connectors/shop", "/connectors/shop?force=false"]) {
      const { status, body } = await api.call("DELETE", path);
      expect([status, body.error.code]).toEqual([409, "conflict"]);
      expect(body.error.message).toContain("in use by 1 endpoint, 1 source, 1 flow: ");
      expect(body.error.details.map(({ got }: { got: string }) => got)).toEqual([
        "endpoint eu of tenant acme",
        "source orders of tenant globex",
        "flow sync of tenant globex",
      ]);
    }
    expect((await api.call("GET", "/tenants/acme/endpoints")).body.items).toHaveLength(1);
    expect((await api.call("DELETE", "/connectors/shop?force=yes")).status).toBe(400);

    expect((await api.call("DELETE", "/connectors/shop?force=true")).status).toBe(204);
    expect((await api.call("GET", "/tenants/globex/sources/orders")).status).toBe(404);
    expect((await api.call("GET", "/tenants/globex/flows/sync")).status).toBe(200);
  });

  test("a deployed version that names the connector counts as a use, a deleted flow and tenant do not", async () => {
    const api = await withShop();
    const action = { type: "code", handler: "h" };
    const flow = "/tenants/acme/flows/f";
    await api.call("PUT", flow, { trigger: { connector: "shop" }, action });
    await api.call("POST", `${flow}/deploy`);
    await api.call("PUT", flow, { trigger: {}, action });
    expect((await api.call("DELETE", "/connectors/shop")).status).toBe(409);
    await api.call("DELETE", flow);
    await api.call("PUT", "/tenants/globex", {});
    await api.call("PUT", "/tenants/globex/endpoints/shop", {});
    expect((await api.call("DELETE", "/connectors/shop")).status).toBe(409);
    await api.call("DELETE", "/tenants/globex");
    expect((await api.call("DELETE", "/connectors/shop")).status).toBe(204);
    expect((await api.call("DELETE", "/connectors/shop")).status).toBe(404);
  });

  test("the refusal to delete a connector names at most ten users of a kind", async () => {
    const api = await withShop();
    for (let number = 10; number < 22; number += 1) {
      await api.call("PUT", `/tenants/acme/endpoints/shop/e${number}`, {});
    }
    const { error } = (await api.call("DELETE", "/connectors/shop")).body;
    expect(error.message).toContain("in use by more than 10 endpoints: ");
    expect(error.details).toHaveLength(10);
  });
});

describe("endpoints", () => {
  test("a PUT of an endpoint without secrets keeps them, and an empty list clears them", async () => {
    const api = await withShop();
    const url = "/tenants/acme/endpoints/shop";
    const notAfter = "2030-01-01T00:00:00.000Z";
    const given = { secrets: [{ value: SECRETS[0] }, { value: SECRETS[1], not_after: notAfter }] };
    const before = (await api.call("PUT", url, given)).body;
    const counter = await readCounter(api.database.pipeline, "receive");

    const kept = await api.call("PUT", url, { account: "A1" });
    expect(kept.body).toMatchObject({ account: "A1", status: "active", secrets: before.secrets });
    for (const secret of SECRETS) expect(await verdict(api, secret)).toBe("authentic");
    expect(await readCounter(api.database.pipeline, "receive")).toBeGreaterThan(counter);

    const cleared = await api.call("PUT", url, { account: "A1", secrets: [] });
    expect(cleared.body).toMatchObject({ status: "pending", secrets: [] });
    expect(await verdict(api, SECRETS[0])).toBe("rejected");
  });

  test("a PUT without secrets is refused if another endpoint has the kept secret and the new account", async () => {
    const api = await withShop();
    await api.call("PUT", "/tenants/acme/endpoints/shop/eu", {
      account: "A1",
      secrets: [{ value: SECRETS[0] }],
    });
    const us = "/tenants/acme/endpoints/shop/us";
    await api.call("PUT", us, { account: "A2", secrets: [{ value: SECRETS[0] }] });
    expect((await api.call("PUT", us, { account: "A1" })).status).toBe(409);
    expect((await api.call("GET", us)).body).toMatchObject({ account: "A2", status: "active" });
    expect((await api.call("PUT", us, { account: "A3" })).status).toBe(200);
  });

  test("endpoints show their URLs and status, and never a secret", async () => {
    const api = await withShop();
    const pending = await api.call("PUT", "/tenants/acme/endpoints/shop/eu", { account: "A1" });
    expect(pending.body).toMatchObject({
      status: "pending",
      account: "A1",
      url: "https://hooks.example/api/v1/webhooks/shop/acme/eu",
      app_url: "https://hooks.example/api/v1/webhooks/shop",
      secrets: [],
    });
    const notAfter = "2030-01-01T00:00:00.000Z";
    const body = { secrets: [{ value: SECRETS[0] }, { value: SECRETS[1], not_after: notAfter }] };
    const active = await api.call("PUT", "/tenants/acme/endpoints/shop", body);
    expect(active.body).toMatchObject({
      endpoint: "default",
      status: "active",
      secrets: [{ not_after: null }, { not_after: notAfter }],
    });
    const list = await api.call("GET", "/tenants/acme/endpoints");
    expect(list.body.items).toEqual([active.body, pending.body]);
    const stored = await api.database.pipeline.query({ text: "SELECT sealed FROM endpoint_secrets" });
    for (const secret of SECRETS) {
      expect(JSON.stringify([active, list, api.logged])).not.toContain(secret);
      expect(stored.some((row) => row["sealed"].includes(secret))).toBe(false);
    }
  });

  test("the receiver reads endpoints and sees every change of them", async () => {
    const api = await withShop();
    const url = "/tenants/acme/endpoints/shop";
    expect(await verdict(api, SECRETS[0])).toBe("unknown_endpoint");
    const counters: number[] = [];
    async function change(method: string, path: string, body?: unknown): Promise<void> {
      const { status } = await api.call(method, path, body);
      expect(status).toBeLessThan(300);
      counters.push(await readCounter(api.database.pipeline, "receive"));
    }
    await change("PUT", url, { secrets: [{ value: SECRETS[0] }] });
    expect(await verdict(api, SECRETS[0])).toBe("authentic");
    expect(await verdict(api, SECRETS[1])).toBe("rejected");
    await change("POST", `${url}/rotate`, { value: SECRETS[1], overlap_seconds: 60 });
    expect(await Promise.all(SECRETS.map((secret) => verdict(api, secret)))).toEqual([
      "authentic",
      "authentic",
    ]);
    await change("POST", `${url}/rotate`, { value: SECRETS[1], overlap_seconds: 0 });
    expect(await verdict(api, SECRETS[0])).toBe("rejected");
    await change("PUT", url, { secrets: [{ value: SECRETS[0] }], enabled: false });
    expect(await verdict(api, SECRETS[0])).toBe("disabled");
    await change("DELETE", url);
    expect(await verdict(api, SECRETS[0])).toBe("unknown_endpoint");
    expect(counters).toEqual([...new Set(counters)].sort((left, right) => left - right));
    expect((await api.call("GET", url)).status).toBe(404);
  });

  test("endpoints keep at most eight valid secrets and drop expired ones", async () => {
    const api = await withShop();
    const url = "/tenants/acme/endpoints/shop";
    await api.call("PUT", url, { secrets: [{ value: "old", not_after: "2020-01-01T00:00:00Z" }] });
    for (let number = 1; number <= 8; number += 1) {
      const { body } = await api.call("POST", `${url}/rotate`, { value: `s${number}` });
      expect(body.secrets).toHaveLength(number);
    }
    expect((await api.call("POST", `${url}/rotate`, { value: "s9" })).body.error.code).toBe("unprocessable");
    expect((await api.call("GET", url)).body.secrets).toHaveLength(8);
  });

  test.each([
    ["standard-webhooks", {}, "whsec_c2hvcnQ=", 1],
    ["standard-webhooks", {}, SECRETS[0], 0],
    ["token", { header: "x-token" }, "few!", 1],
    ["token", { header: "x-token" }, "sixteen bytes ok", 0],
    ["basic", {}, "a-user-with-a-long-name:short", 1],
    ["github", {}, "few!", 1],
    ["hmac-sha256", { header: "x-signature" }, "é".repeat(8), 0],
    ["discord", {}, "ab".repeat(32), 0],
  ])("an endpoint of %s with params %j warns of a short secret", async (preset, params, value, warnings) => {
    const api = await serveApi();
    await api.call("PUT", "/tenants/acme", {});
    await api.call("PUT", "/connectors/shop", { webhook: { preset, params } });
    const url = "/tenants/acme/endpoints/shop";
    const put = await api.call("PUT", url, { secrets: [{ value }] });
    expect([put.status, put.body.warnings?.length]).toEqual([200, warnings]);
    expect((await api.call("GET", url)).body.warnings).toEqual(put.body.warnings);
    const rotated = await api.call("POST", `${url}/rotate`, { value, overlap_seconds: 0 });
    expect([rotated.status, JSON.stringify(rotated.body.warnings).includes(String(value))]).toEqual([
      200,
      false,
    ]);
  });

  test("a pasted secret is read, or refused with the form that is expected, and never shown", async () => {
    const api = await withShop();
    const url = "/tenants/acme/endpoints/shop";
    const pasted = ` v1,${SECRETS[0]}\n`;
    expect((await api.call("PUT", url, { secrets: [{ value: pasted }] })).status).toBe(200);
    expect(await verdict(api, SECRETS[0])).toBe("authentic");

    const broken = "whsec_cut off…";
    const put = await api.call("PUT", url, { secrets: [{ value: SECRETS[1] }, { value: broken }] });
    const rotated = await api.call("POST", `${url}/rotate`, { value: broken });
    for (const [answer, field] of [
      [put, "secrets.1.value"],
      [rotated, "value"],
    ] as const) {
      expect(answer).toMatchObject({ status: 422, body: { error: { code: "unprocessable" } } });
      expect(answer.body.error.details).toEqual([
        { field, expected: expect.stringContaining("whsec_ and then base64"), got: expect.any(String) },
      ]);
      expect(JSON.stringify(answer)).not.toContain("cut off");
    }
    expect(await verdict(api, SECRETS[0])).toBe("authentic");
    expect(await verdict(api, SECRETS[1])).toBe("rejected");
  });

  test("endpoints are rejected for unknown connectors and invalid fields", async () => {
    const api = await withShop();
    await api.call("PUT", "/connectors/polled", { source: { handler: "shop" } });
    const put = (path: string, body: unknown) => api.call("PUT", `/tenants/${path}`, body);
    expect((await put("acme/endpoints/nope", {})).status).toBe(404);
    expect((await put("ghost/endpoints/shop", {})).status).toBe(404);
    expect((await put("acme/endpoints/polled", {})).body.error.code).toBe("unprocessable");
    expect((await put("acme/endpoints/shop", { params: { x: "1" } })).body.error.details[0].field).toBe(
      "params.x",
    );
    const secret = await put("acme/endpoints/shop", { secrets: [{ value: "" }] });
    expect(secret.body.error.details).toEqual([
      { field: "secrets.0.value", expected: "1 to 8192 characters", got: "string" },
    ]);
    const tooMany = { secrets: Array.from({ length: 9 }, () => ({ value: "s" })) };
    expect((await put("acme/endpoints/shop", tooMany)).status).toBe(400);
    expect((await api.call("POST", "/tenants/acme/endpoints/shop/eu/rotate", { value: "s" })).status).toBe(
      404,
    );
  });
});
