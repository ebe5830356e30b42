import { describe, expect, test } from "vitest";
import { type ServedApi, serveApi } from "./serve-api.ts";

const SHOP = {
  request: { url: "{base_url}/orders" },
  auth: { type: "bearer" },
  pagination: { type: "page", param: "page", size_param: "per_page", size: 100 },
  records: "orders",
  id: "id",
  updated_at: "updated_at",
  total: "total",
  ignore: ["/fetched_at"],
  sets: ["/tags"],
};
const ORDERS = {
  connector: "shop",
  entity: "order",
  params: { base_url: "https://shop.example" },
  credentials: { token: "t0p-s3cret" },
  base_interval_seconds: 300,
  min_interval_seconds: 30,
  max_interval_seconds: 3600,
  baseline: "silent",
  diff: "values",
  deletions: { enabled: true, confirm_polls: 2, max_fraction: 0.1, max_count: 10 },
};
const URL = "/tenants/acme/sources/shop-orders";

async function withShop(source: unknown = SHOP): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  expect((await api.call("PUT", "/connectors/shop", { source })).status).toBe(200);
  return api;
}

/** The status and the first field in the error, or the whole response. */
async function refusal(api: ServedApi, path: string, body: unknown): Promise<unknown[]> {
  const { status, body: answer } = await api.call("PUT", path, body);
  return [status, answer.error?.details?.[0]?.field ?? answer];
}

describe("a connector's source", () => {
  test("a connector's source accepts every authentication and pagination, and is shown as given", async () => {
    const api = await serveApi();
    const request = {
      url: "https://{shop}.example.com/v1/{account}/orders",
      method: "POST",
      headers: { "x-team": "{team}", "x-key": "Key {{secret.shop-key}}" },
      query: { fields: "id,{fields}" },
    };
    const sources = [
      { request, pagination: { type: "none" }, auth: { type: "basic" }, records: "" },
      { request, records: "values", columns: "first_row" },
      { request, pagination: { type: "page" }, auth: { type: "api_key", name: "x-api-key", prefix: "Key " } },
      { request, pagination: { type: "page", param: "p", start: 0, size: 50 } },
      { request, pagination: { type: "offset", param: "o", limit_param: "l", limit: 50 } },
      { request, pagination: { type: "cursor", param: "after", next: "meta.next" } },
      { request, pagination: { type: "link" }, auth: { type: "api_key", in: "query", name: "key" } },
      { request, pagination: { type: "next_url", next: "links.next" }, id: ["shop.id", "id"] },
      {
        request,
        auth: {
          type: "oauth2",
          grant: "client_credentials",
          token_url: "https://{shop}.example.com/token",
          scope: "read",
        },
      },
      {
        request,
        auth: {
          type: "oauth2",
          grant: "refresh_token",
          token_url: "https://id.example.com/token",
          client_auth: "body",
        },
        keyed: { "/items": "sku" },
        null_equals_missing: true,
        empty: ["null"],
        rate_limit: { requests: 10, per_seconds: 1, shared: true },
      },
      { handler: "shop-orders", id: "id", ignore: ["/etag", "/items/*/etag"] },
    ];
    for (const source of sources) {
      expect((await api.call("PUT", "/connectors/shop", { source })).body).toMatchObject({ source });
    }
  });

  test("a connector's source is rejected for invalid or contradictory fields, by name", async () => {
    const api = await serveApi();
    const cases: [number, string, object][] = [
      [422, "source.request", {}],
      [400, "source.request.url", { request: {} }],
      [422, "source.request.url", { request: { url: "ftp://shop.example/orders" } }],
      [422, "source.request.url", { request: { url: "shop.example/orders" } }],
      [422, "source.request.url", { request: { url: "https://user:pw@shop.example/orders" } }],
      [422, "source.request.url", { request: { url: "https://{{secret.host}}/orders" } }],
      [400, "source.request.method", { request: { url: "https://a.example", method: "DELETE" } }],
      [400, "source.request.body", { request: { url: "https://a.example", body: "x" } }],
      [
        422,
        "source.request.headers.x y",
        { ...SHOP, request: { url: "https://a.example", headers: { "x y": "1" } } },
      ],
      [
        422,
        "source.request.headers.Host",
        { ...SHOP, request: { url: "https://a.example", headers: { Host: "b" } } },
      ],
      [
        422,
        "source.request.headers.If-None-Match",
        { ...SHOP, request: { url: "https://a.example", headers: { "If-None-Match": "b" } } },
      ],
      [
        422,
        "source.request.headers.Authorization",
        { ...SHOP, request: { url: "https://a.example", headers: { Authorization: "b" } } },
      ],
      [
        422,
        "source.request.query.page",
        { ...SHOP, request: { url: "https://a.example", query: { page: "2" } } },
      ],
      [400, "source.auth", { ...SHOP, auth: { type: "digest" } }],
      [400, "source.auth.name", { ...SHOP, auth: { type: "api_key" } }],
      [400, "source.auth.token_url", { ...SHOP, auth: { type: "oauth2", grant: "client_credentials" } }],
      [
        400,
        "source.auth.grant",
        { ...SHOP, auth: { type: "oauth2", grant: "password", token_url: "https://a.example" } },
      ],
      [
        422,
        "source.auth.token_url",
        { ...SHOP, auth: { type: "oauth2", grant: "client_credentials", token_url: "a.example" } },
      ],
      [400, "source.pagination", { ...SHOP, pagination: { type: "scroll" } }],
      [400, "source.pagination.next", { ...SHOP, pagination: { type: "cursor" } }],
      [400, "source.pagination.limit", { ...SHOP, pagination: { type: "offset", limit: 1 } }],
      [422, "source.pagination.size", { ...SHOP, pagination: { type: "page", size_param: "n" } }],
      [400, "source.empty", { ...SHOP, empty: "missing" }],
      [422, "source.empty", { ...SHOP, records: "", empty: ["missing"] }],
      [422, "source.empty", { handler: "x", empty: ["null"] }],
      [422, "source.ignore", { ...SHOP, ignore: ["fetched_at"] }],
      [422, "source.keyed", { ...SHOP, keyed: { items: "sku" } }],
      [400, "source.id", { ...SHOP, id: 5 }],
      [400, "source.id", { ...SHOP, id: [] }],
      [400, "source.rate_limit.per_seconds", { ...SHOP, rate_limit: { requests: 1 } }],
      [400, "source.recrods", { ...SHOP, recrods: "x" }],
      [422, "source.auth", { handler: "x", auth: { type: "bearer" } }],
      [422, "source.columns", { ...SHOP, columns: "first_row" }],
      [400, "source.columns", { ...SHOP, columns: "a" }],
      [400, "source.params.base_url", { ...SHOP, params: { base_url: 5 } }],
      [422, "source.params.base_url", { ...SHOP, params: { base_url: "shop.example" } }],
      [422, "source.params.base", { ...SHOP, params: { base: "https://shop.example" } }],
    ];
    for (const [status, field, source] of cases) {
      expect(await refusal(api, "/connectors/shop", { source })).toEqual([status, field]);
    }
  });

  test("a connector's source cannot lose a field that tenants' sources need", async () => {
    const api = await withShop();
    await api.call("PUT", URL, ORDERS);
    const renamed = { source: { ...SHOP, request: { url: "{shop_url}/orders" } } };
    for (const body of [{}, renamed]) {
      const answer = await api.call("PUT", "/connectors/shop", body);
      expect([answer.status, answer.body.error.code]).toEqual([409, "conflict"]);
      expect(answer.body.error.message).toContain("Source shop-orders of tenant acme");
    }
    const longer = { source: { ...SHOP, request: { url: "{base_url}/v2/orders" } } };
    expect((await api.call("PUT", "/connectors/shop", longer)).status).toBe(200);
  });
});

describe("a source", () => {
  test("a source is stored, shown without its credentials, listed, and deleted", async () => {
    const api = await withShop();
    const put = await api.call("PUT", URL, ORDERS);
    const { credentials: _credentials, ...shown } = ORDERS;
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({
      id: "shop-orders",
      tenant_id: "acme",
      ...shown,
      deletions: { ...ORDERS.deletions, grace_seconds: 0 },
      enabled: true,
      has_credentials: true,
    });
    expect((await api.call("GET", URL)).body).toEqual(put.body);
    expect((await api.call("GET", "/tenants/acme/sources")).body).toEqual({
      items: [put.body],
      next_cursor: null,
    });
    const everything = JSON.stringify([put.body, api.logged]);
    expect(everything).not.toContain("t0p-s3cret");
    const [row] = await api.database.pipeline.query({ text: "SELECT sources::text AS text FROM sources" });
    expect(row?.["text"]).not.toContain("t0p-s3cret");
    expect((await api.call("DELETE", URL)).status).toBe(204);
    expect((await api.call("DELETE", URL)).status).toBe(404);
    expect((await api.call("GET", URL)).status).toBe(404);
  });

  test("a source has defaults for everything but its connector and entity", async () => {
    const api = await withShop({ handler: "shop" });
    const put = (body: object) => api.call("PUT", URL, { connector: "shop", entity: "order", ...body });
    expect((await put({})).body).toMatchObject({
      params: {},
      base_interval_seconds: 300,
      min_interval_seconds: 30,
      max_interval_seconds: 3600,
      baseline: "silent",
      diff: "values",
      deletions: { enabled: true, confirm_polls: 2, max_fraction: 0.1, max_count: 10, grace_seconds: 0 },
      enabled: true,
      has_credentials: false,
    });
    expect((await put({ base_interval_seconds: 5 })).body).toMatchObject({
      min_interval_seconds: 1,
      max_interval_seconds: 60,
    });
    expect((await put({ base_interval_seconds: 604_800 })).body.max_interval_seconds).toBe(604_800);
    const hours = { timezone: "Europe/Berlin", days: ["mon", 2, "fri"], from: "08:30", to: 18 };
    expect((await put({ business_hours: hours, credentials: {} })).body.business_hours).toEqual(hours);
  });

  test("a PUT replaces a source, and omitted fields take their defaults, except credentials", async () => {
    const api = await withShop({ handler: "shop" });
    await api.call("PUT", URL, { ...ORDERS, enabled: false, diff: "none" });
    const params = {};
    const cleared = await api.call("PUT", URL, {
      connector: "shop",
      entity: "order",
      params,
      credentials: {},
    });
    expect(cleared.body).toMatchObject({ enabled: true, diff: "values", params, has_credentials: false });
    await api.call("PUT", URL, {
      connector: "shop",
      entity: "order",
      diff: "none",
      credentials: { token: "1" },
    });
    const again = await api.call("PUT", URL, { connector: "shop", entity: "order" });
    expect(again.body).toMatchObject({ enabled: true, diff: "values", params, has_credentials: true });
  });

  test("a source is rejected for fields that are invalid or contradict its connector, by name", async () => {
    const api = await withShop();
    const cases: [number, string, object][] = [
      [400, "connector", { connector: undefined }],
      [400, "entity", { entity: "a b" }],
      [422, "params.base_url", { params: {} }],
      [422, "params.base_url", { params: { base_url: "shop.example" } }],
      [422, "params.base_url", { params: { base_url: "https://a:b@shop.example" } }],
      [400, "params.base_url", { params: { base_url: 5 } }],
      [422, "credentials.token", { credentials: undefined }],
      [422, "credentials.token", { credentials: { key: "x" } }],
      [422, "credentials.token", { credentials: { token: "a\nb" } }],
      [400, "credentials.token", { credentials: { token: 5 } }],
      [422, "min_interval_seconds", { min_interval_seconds: 301 }],
      [422, "max_interval_seconds", { max_interval_seconds: 299 }],
      [400, "base_interval_seconds", { base_interval_seconds: 0 }],
      [400, "base_interval_seconds", { base_interval_seconds: 1.5 }],
      [400, "max_interval_seconds", { max_interval_seconds: 604_801 }],
      [400, "baseline", { baseline: "loud" }],
      [400, "diff", { diff: "all" }],
      [400, "deletions.max_fraction", { deletions: { max_fraction: 1.1 } }],
      [400, "deletions.confirm_polls", { deletions: { confirm_polls: 0 } }],
      [400, "deletions.confirm", { deletions: { confirm: 1 } }],
      [422, "business_hours.timezone", { business_hours: { timezone: "Mars", days: [1], from: 8, to: 18 } }],
      [422, "business_hours.to", { business_hours: { timezone: "UTC", days: [1], from: 8, to: "08:00" } }],
      [400, "business_hours.from", { business_hours: { timezone: "UTC", days: [1], from: 25, to: 8 } }],
      [400, "business_hours.days.0", { business_hours: { timezone: "UTC", days: ["moon"], from: 7, to: 8 } }],
      [400, "interval", { interval: 5 }],
    ];
    for (const [status, field, over] of cases) {
      expect(await refusal(api, URL, { ...ORDERS, ...over })).toEqual([status, field]);
    }
    expect((await api.call("GET", URL)).status).toBe(404);
  });

  test("a source needs only the params for which its connector has no value, and may set the others", async () => {
    const request = { url: "{base_url}/v1/{account}/orders" };
    const api = await withShop({ ...SHOP, request, params: { base_url: "https://shop.example" } });
    const put = (params: object) => refusal(api, URL, { ...ORDERS, params });
    expect(await put({})).toEqual([422, "params.account"]);
    expect(await put({ account: "7" })).toEqual([200, expect.objectContaining({ params: { account: "7" } })]);
    expect(await put({ account: "7", base_url: "https://eu.shop.example" })).toMatchObject([200, {}]);
    expect(await put({ account: "7", base_url: "eu.shop.example" })).toEqual([422, "params.base_url"]);
    const { credentials: _, ...kept } = ORDERS;
    const elsewhere = { ...kept, params: { account: "7", base_url: "https://other.example" } };
    expect(await refusal(api, URL, elsewhere)).toEqual([422, "credentials"]);
  });

  test("a source is rejected with a param that its connector's header cannot carry", async () => {
    const api = await withShop({ ...SHOP, request: { ...SHOP.request, headers: { "x-team": "{team}" } } });
    const team = (value: string) => ({ ...ORDERS, params: { ...ORDERS.params, team: value } });
    expect(await refusal(api, URL, team("日本"))).toEqual([422, "params.team"]);
    expect((await api.call("PUT", URL, team("blå"))).status).toBe(200);
  });

  test("a source is rejected for an unknown tenant, or a connector that is unknown or not polled", async () => {
    const api = await withShop();
    await api.call("PUT", "/connectors/hooks", { webhook: { preset: "github" } });
    const put = (tenant: string, connector: string) =>
      api.call("PUT", `/tenants/${tenant}/sources/x`, { ...ORDERS, connector });
    expect((await put("acme", "nope")).status).toBe(404);
    expect((await put("ghost", "shop")).status).toBe(404);
    const polled = await put("acme", "hooks");
    expect([polled.status, polled.body.error.details[0].field]).toEqual([422, "connector"]);
  });

  test("a source needs every credential of its connector's authentication", async () => {
    const cases: [auth: object, credentials: object, missing: string | undefined][] = [
      [{ type: "basic" }, { password: "p" }, "credentials.username"],
      [{ type: "basic" }, { username: "u" }, undefined],
      [{ type: "api_key", name: "x-key" }, {}, "credentials.key"],
      [{ type: "api_key", name: "x-key" }, { api_key: "k" }, undefined],
      [
        { type: "oauth2", grant: "client_credentials", token_url: "https://a.example" },
        { client_id: "c" },
        "credentials.client_secret",
      ],
      [
        { type: "oauth2", grant: "refresh_token", token_url: "https://a.example" },
        { client_id: "c" },
        "credentials.refresh_token",
      ],
      [
        { type: "oauth2", grant: "refresh_token", token_url: "https://a.example" },
        { client_id: "c", refresh_token: "r" },
        undefined,
      ],
    ];
    const api = await withShop();
    for (const [auth, credentials, missing] of cases) {
      await api.call("PUT", "/connectors/shop", { source: { ...SHOP, auth } });
      const { status, body } = await api.call("PUT", URL, { ...ORDERS, credentials });
      expect([status, body.error?.details[0].field]).toEqual(
        missing === undefined ? [200, undefined] : [422, missing],
      );
    }
  });

  test("a PUT of a source without credentials keeps them, and an empty object clears them", async () => {
    const api = await withShop();
    const { credentials, ...settings } = ORDERS;
    await api.call("PUT", URL, { ...settings, credentials });
    const stored = async () => {
      const [row] = await api.database.pipeline.query({
        text: "SELECT credentials_sealed, credentials_version FROM sources",
      });
      return row;
    };
    const before = await stored();
    const kept = await api.call("PUT", URL, { ...settings, base_interval_seconds: 600 });
    expect(kept).toMatchObject({
      status: 200,
      body: { base_interval_seconds: 600, has_credentials: true },
    });
    expect(await stored()).toEqual(before);

    const needed = await api.call("PUT", URL, { ...settings, credentials: {} });
    expect([needed.status, needed.body.error.details[0].field]).toEqual([422, "credentials.token"]);
    await api.call("PUT", "/connectors/shop", { source: { ...SHOP, auth: undefined } });
    const cleared = await api.call("PUT", URL, { ...settings, credentials: {} });
    expect(cleared.body.has_credentials).toBe(false);
    expect((await stored())?.["credentials_sealed"]).toBe(null);
  });

  test("a PUT without credentials cannot send the kept ones to another host or connector", async () => {
    const api = await withShop();
    await api.call("PUT", "/connectors/other", { source: SHOP });
    await api.call("PUT", "/connectors/code", { source: { handler: "shop" } });
    const { credentials, ...settings } = ORDERS;
    await api.call("PUT", URL, ORDERS);
    const elsewhere = { ...settings, params: { base_url: "https://attacker.example" } };
    expect(await refusal(api, URL, elsewhere)).toEqual([422, "credentials"]);
    expect(await refusal(api, URL, { ...settings, connector: "other" })).toEqual([422, "credentials"]);
    expect((await api.call("GET", URL)).body).toMatchObject({ connector: "shop", has_credentials: true });
    const samePlace = { ...settings, params: { base_url: "https://shop.example/v2" } };
    expect((await api.call("PUT", URL, samePlace)).status).toBe(200);
    expect((await api.call("PUT", URL, { ...elsewhere, credentials })).status).toBe(200);

    const code = { connector: "code", entity: "order", params: { region: "eu" } };
    await api.call("PUT", `${URL}-code`, { ...code, credentials });
    expect((await api.call("PUT", `${URL}-code`, { ...code, enabled: false })).body.has_credentials).toBe(
      true,
    );
    const moved = { ...code, params: { region: "us" } };
    expect(await refusal(api, `${URL}-code`, moved)).toEqual([422, "credentials"]);
  });

  test("changes of a source, its connector or its tenant raise the sources counter", async () => {
    const api = await withShop();
    const counter = async () => {
      const [row] = await api.database.pipeline.query({
        text: "SELECT value FROM change_counters WHERE name = 'sources'",
      });
      return Number(row?.["value"]);
    };
    let before = await counter();
    const changes: [string, string, object?][] = [
      ["PUT", URL, ORDERS],
      ["PUT", "/connectors/shop", { source: { ...SHOP, sets: [] } }],
      ["DELETE", URL],
      ["PUT", URL, ORDERS],
      ["DELETE", "/connectors/shop?force=true"],
      ["DELETE", "/tenants/acme"],
    ];
    for (const [method, path, body] of changes) {
      expect((await api.call(method, path, body)).status).toBeLessThan(300);
      expect(await counter()).toBeGreaterThan(before);
      before = await counter();
    }
  });

  test("a source shows its poll state once there is one", async () => {
    const state = { state: "ok" as const, overdue: false, records_tracked: 7, held: null };
    const api = await serveApi({ readSourceStates: async () => new Map([["shop-orders", state]]) });
    await api.call("PUT", "/tenants/acme", {});
    await api.call("PUT", "/connectors/shop", { source: SHOP });
    await api.call("PUT", URL, ORDERS);
    await api.call("PUT", `${URL}-2`, ORDERS);
    const { items } = (await api.call("GET", "/tenants/acme/sources")).body;
    expect(items).toMatchObject([{ id: "shop-orders", ...state }, { id: "shop-orders-2" }]);
    expect(items[1].state).toBeUndefined();
  });

  test("a source is visible only to its own tenant", async () => {
    const api = await withShop();
    await api.call("PUT", "/tenants/globex", {});
    await api.call("PUT", URL, ORDERS);
    const { body: key } = await api.call("POST", "/keys", { name: "g", tenant_id: "globex", scope: "write" });
    expect((await api.call("GET", URL, undefined, key.key)).status).toBe(403);
    expect((await api.call("PUT", URL, ORDERS, key.key)).status).toBe(403);
    expect((await api.call("GET", "/tenants/globex/sources", undefined, key.key)).body.items).toEqual([]);
  });
});
