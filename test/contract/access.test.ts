import { describe, expect, test } from "vitest";
import { ensureAdminKey } from "../../src/postgres/access/api-keys.ts";
import { ADMIN_KEY, type ServedApi, serveApi } from "./serve-api.ts";

async function makeKey(api: ServedApi, key: Record<string, unknown>): Promise<{ id: string; key: string }> {
  const { status, body } = await api.call("POST", "/keys", { name: "test", ...key });
  expect(status).toBe(201);
  return body;
}

/** Every operation of the API in the OpenAPI document, with its path filled in for a tenant. */
async function operations(api: ServedApi, tenantId: string): Promise<{ method: string; path: string }[]> {
  const document = (await api.server.inject("/openapi.json")).json() as { paths: Record<string, object> };
  return Object.entries(document.paths).flatMap(([path, methods]) => {
    if (!path.startsWith("/api/v1/")) return [];
    const filled = path
      .slice("/api/v1".length)
      .replace("{tenant_id}", tenantId)
      .replace("{id}", "01a20932-a73f-7d5c-b0c1-bf8425f48378")
      .replaceAll(/\{\w+\}/g, "shop");
    return Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: filled }));
  });
}

describe("a request to the API", () => {
  test("every API route needs a key", async () => {
    const api = await serveApi();
    const all = await operations(api, "acme");
    expect(all.length).toBeGreaterThan(30);
    for (const { method, path } of all) {
      for (const key of ["", "unknown-key"]) {
        const { status, body, headers } = await api.call(method, path, undefined, key);
        expect([method, path, status, body.error.code]).toEqual([method, path, 401, "unauthorized"]);
        expect(headers["www-authenticate"]).toBe("Bearer");
      }
    }
  });

  test("a revoked API key stops working at once", async () => {
    const api = await serveApi();
    const { id, key } = await makeKey(api, { scope: "read" });
    expect((await api.call("GET", "/tenants", undefined, key)).status).toBe(200);
    expect((await api.call("DELETE", `/keys/${id}`)).status).toBe(204);
    expect((await api.call("GET", "/tenants", undefined, key)).status).toBe(401);
    expect((await api.call("DELETE", `/keys/${id}`)).status).toBe(404);
  });

  test("an expired API key is rejected", async () => {
    const api = await serveApi();
    const { key } = await makeKey(api, { scope: "read", expires_at: "2020-01-01T00:00:00Z" });
    expect((await api.call("GET", "/tenants", undefined, key)).status).toBe(401);
  });

  test("a request beyond the key's scope is rejected", async () => {
    const api = await serveApi();
    await api.call("PUT", "/tenants/acme", {});
    const read = await makeKey(api, { scope: "read", tenant_id: "acme" });
    const write = await makeKey(api, { scope: "write", tenant_id: "acme" });
    const event = { type: "a", data: {} };
    const events = "/tenants/acme/events";
    expect((await api.call("GET", events, undefined, read.key)).status).toBe(200);
    expect((await api.call("POST", events, event, read.key)).body.error.code).toBe("forbidden");
    expect((await api.call("POST", events, event, write.key)).status).toBe(202);
    expect((await api.call("DELETE", "/tenants/acme", undefined, write.key)).status).toBe(403);
    const unbound = await makeKey(api, { scope: "write" });
    expect((await api.call("POST", events, event, unbound.key)).status).toBe(202);
    expect((await api.call("PUT", "/tenants/b", {}, unbound.key)).status).toBe(403);
    expect((await api.call("GET", "/keys", undefined, unbound.key)).status).toBe(403);
    expect((await api.call("GET", "/dlq", undefined, unbound.key)).status).toBe(403);
  });

  test("a tenant's key is rejected on every route of other tenants and of the installation", async () => {
    const api = await serveApi();
    for (const tenant of ["a", "b"]) await api.call("PUT", `/tenants/${tenant}`, {});
    const { key } = await makeKey(api, { scope: "write", tenant_id: "a" });
    for (const tenant of ["b", "ghost"]) {
      for (const { method, path } of await operations(api, tenant)) {
        const { status } = await api.call(method, path, method === "GET" ? undefined : {}, key);
        expect([method, path, status]).toEqual([method, path, 403]);
      }
    }
    expect((await api.call("GET", "/tenants/a", undefined, key)).status).toBe(200);
  });

  test("another tenant's objects are not found below a tenant's own path", async () => {
    const api = await serveApi();
    for (const tenant of ["a", "b"]) await api.call("PUT", `/tenants/${tenant}`, {});
    await api.call("PUT", "/tenants/b/flows/f", { trigger: {}, action: { type: "code", handler: "h" } });
    const posted = await api.call("POST", "/tenants/b/events", { type: "t", data: { secret: 1 } });
    const { key } = await makeKey(api, { scope: "write", tenant_id: "a" });
    for (const path of ["events", "runs", "dlq"]) {
      const one = await api.call("GET", `/tenants/a/${path}/${posted.body.event_id}`, undefined, key);
      expect([path, one.status]).toEqual([path, 404]);
      expect((await api.call("GET", `/tenants/a/${path}`, undefined, key)).body.items).toEqual([]);
    }
    expect((await api.call("GET", "/tenants/a/flows/f", undefined, key)).status).toBe(404);
    expect((await api.call("POST", "/tenants/a/flows/f/deploy", undefined, key)).status).toBe(404);
  });

  test("row-level security alone hides other tenants' rows and protects them from changes", async () => {
    const api = await serveApi();
    for (const tenant of ["a", "b"]) {
      await api.call("PUT", `/tenants/${tenant}`, {});
      await api.call("PUT", "/connectors/shop", { webhook: { preset: "github" } });
      await api.call("PUT", `/tenants/${tenant}/endpoints/shop`, { secrets: [{ value: "s" }] });
      await api.call("PUT", `/tenants/${tenant}/flows/f`, {
        trigger: {},
        action: { type: "code", handler: "h" },
      });
      await api.call("POST", `/tenants/${tenant}/flows/f/deploy`);
      await api.call("POST", `/tenants/${tenant}/events`, { type: "t", data: {}, idempotency_key: "k" });
    }
    const tables = [
      "endpoints",
      "endpoint_secrets",
      "flows",
      "flow_versions",
      "deployments",
      "events",
      "event_keys",
      "outbox",
    ];
    for (const table of tables) {
      const seen = await api.database.withTenant("a", async (transaction) => {
        await transaction.query({ text: `DELETE FROM ${table} WHERE tenant_id = 'b'` });
        return await transaction.query({ text: `SELECT DISTINCT tenant_id FROM ${table}` });
      });
      expect([table, seen]).toEqual([table, [{ tenant_id: "a" }]]);
      const all = await api.database.pipeline.query({
        text: `SELECT DISTINCT tenant_id FROM ${table} ORDER BY 1`,
      });
      expect([table, all]).toEqual([table, [{ tenant_id: "a" }, { tenant_id: "b" }]]);
    }
    const insert = api.database.withTenant("a", (transaction) =>
      transaction.query({
        text: "INSERT INTO endpoints (tenant_id, connector, endpoint) VALUES ('b', 'shop', 'x')",
      }),
    );
    await expect(insert).rejects.toThrow("row-level security");
  });
});

describe("API keys", () => {
  test("API keys are listed in pages without their values", async () => {
    const api = await serveApi();
    await api.call("PUT", "/tenants/acme", {});
    const { key, ...shown } = await makeKey(api, { scope: "read", tenant_id: "acme" });
    const first = (await api.call("GET", "/keys?limit=1")).body;
    expect(first.items).toMatchObject([{ name: "HEADRACE_ADMIN_KEY", scope: "admin", tenant_id: null }]);
    const second = (await api.call("GET", `/keys?limit=1&cursor=${first.next_cursor}`)).body;
    expect(second).toEqual({ items: [shown], next_cursor: null });
    const stored = await api.database.pipeline.query({ text: "SELECT key_hash FROM api_keys" });
    expect(JSON.stringify(stored)).not.toContain(key);
  });

  test("API keys are rejected for an unknown tenant, and with scope admin for a tenant", async () => {
    const api = await serveApi();
    const make = (key: object) => api.call("POST", "/keys", { name: "x", ...key });
    expect((await make({ scope: "read", tenant_id: "ghost" })).body.error.code).toBe("unprocessable");
    await api.call("PUT", "/tenants/acme", {});
    const admin = await make({ scope: "admin", tenant_id: "acme" });
    expect(admin.body.error.details[0].field).toBe("tenant_id");
  });

  test("a revoked key of the settings stays revoked after a restart", async () => {
    const api = await serveApi();
    const { items } = (await api.call("GET", "/keys")).body;
    await api.call("DELETE", `/keys/${items[0].id}`);
    await ensureAdminKey(api.database, ADMIN_KEY);
    expect((await api.call("GET", "/keys")).status).toBe(401);
  });
});
