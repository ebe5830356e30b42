import { describe, expect, test } from "vitest";
import { createRunSecrets } from "../../src/pipeline/execute/actions/run-secrets.ts";
import type { Queryable } from "../../src/postgres/core/database.ts";
import { createKeyRing } from "../../src/postgres/core/key-ring.ts";
import { KEY_RING, type ServedApi, serveApi } from "./serve-api.ts";

const VALUE = "sk_live_hunter2";
const PATH = "/tenants/acme/secrets/shop.token";

async function withTenants(): Promise<ServedApi> {
  const api = await serveApi();
  for (const tenant of ["acme", "other"]) await api.call("PUT", `/tenants/${tenant}`, {});
  return api;
}

/** An action that sends the secrets named. */
function sending(...names: string[]) {
  const headers = Object.fromEntries(names.map((name, n) => [`x-${n}`, `{{secret.${name}}}`]));
  return { type: "http" as const, url: "https://target.example/", headers };
}

describe("the secrets of a tenant", () => {
  test("tenant secrets are stored, listed by name, replaced and deleted, and never returned", async () => {
    const api = await withTenants();
    const put = await api.call("PUT", PATH, { value: VALUE });
    const { created_at, updated_at } = put.body;
    expect([put.status, put.body]).toEqual([
      200,
      { name: "shop.token", tenant_id: "acme", created_at, updated_at },
    ]);
    const again = await api.call("PUT", PATH, { value: `${VALUE}2` });
    expect(again.body.created_at).toBe(created_at);
    await api.call("PUT", "/tenants/acme/secrets/a", { value: VALUE });
    const shown = await api.call("GET", PATH);
    const first = await api.call("GET", "/tenants/acme/secrets?limit=1");
    const second = await api.call("GET", `/tenants/acme/secrets?limit=1&cursor=${first.body.next_cursor}`);
    const listed = [...first.body.items, ...second.body.items].map((secret) => secret.name);
    expect([listed, second.body.next_cursor]).toEqual([["a", "shop.token"], null]);
    expect((await api.call("DELETE", PATH)).status).toBe(204);
    const gone = [await api.call("GET", PATH), await api.call("DELETE", PATH)];
    expect(gone.map((answer) => [answer.status, answer.body.error.code])).toEqual([
      [404, "not_found"],
      [404, "not_found"],
    ]);
    expect(JSON.stringify([put, again, shown, first, second, gone, api.logged])).not.toContain(VALUE);
  });

  test("tenant secrets are stored encrypted, each bound to its own row", async () => {
    const api = await withTenants();
    await api.call("PUT", PATH, { value: VALUE });
    const [row] = await api.database.pipeline.query({ text: "SELECT * FROM tenant_secrets" });
    expect(row?.["sealed"].includes(VALUE)).toBe(false);
    const sealed = { sealed: row?.["sealed"], keyId: row?.["key_id"] };
    expect(KEY_RING.open(sealed, "acme/secrets/shop.token")).toBe(VALUE);
    expect(() => KEY_RING.open(sealed, "other/secrets/shop.token")).toThrow("does not open");
  });

  test("tenant secrets are always those of the tenant in the path", async () => {
    const api = await withTenants();
    await api.call("PUT", PATH, { value: VALUE });
    expect((await api.call("GET", "/tenants/other/secrets/shop.token")).status).toBe(404);
    expect((await api.call("GET", "/tenants/other/secrets")).body.items).toEqual([]);
    const seen = await api.database.withTenant("other", (transaction) =>
      transaction.query({ text: "SELECT name FROM tenant_secrets" }),
    );
    expect(seen).toEqual([]);
  });

  test("rejects a secret value that a header cannot carry, without showing it", async () => {
    const api = await withTenants();
    for (const value of [undefined, "", 7, `${VALUE}\n`, VALUE.repeat(1_000)]) {
      const { status, body } = await api.call("PUT", PATH, { value });
      expect([status, body.error.details[0].field]).toEqual([400, "value"]);
      expect(JSON.stringify([body, api.logged])).not.toContain(VALUE);
    }
    expect((await api.call("PUT", "/tenants/acme/secrets/a%20b", { value: VALUE })).status).toBe(400);
  });
});

describe("the secrets of a batch of runs", () => {
  test("secrets for a batch of runs are read in one query, per tenant and current", async () => {
    const api = await withTenants();
    await api.call("PUT", PATH, { value: VALUE });
    await api.call("PUT", "/tenants/other/secrets/shop.token", { value: "other's" });
    await api.call("PUT", "/tenants/other/secrets/unused", { value: "unused" });
    let queries = 0;
    const counted: Queryable = {
      query(statement) {
        queries += 1;
        return api.database.pipeline.query(statement);
      },
    };
    const load = createRunSecrets(counted, KEY_RING);
    const runs = ["acme", "other", "acme"].map((tenantId) => ({
      tenantId,
      action: sending("shop.token", "missing"),
    }));
    const secretsOf = await load(runs);
    const action = sending("shop.token", "missing");
    expect(["acme", "other", "third"].map((tenantId) => secretsOf({ tenantId, action }))).toEqual([
      { "shop.token": VALUE },
      { "shop.token": "other's" },
      {},
    ]);
    expect(queries).toBe(1);
    await api.call("PUT", PATH, { value: "new" });
    expect((await load(runs))({ tenantId: "acme", action })).toEqual({ "shop.token": "new" });
    await load([
      { tenantId: "acme", action: { type: "code", handler: "h" } },
      { tenantId: "acme", action: sending() },
    ]);
    expect(queries).toBe(2);
  });

  test("a secret that cannot be decrypted is withheld only from the run that uses it", async () => {
    const api = await withTenants();
    await api.call("PUT", PATH, { value: VALUE });
    await api.call("PUT", "/tenants/other/secrets/a", { value: "b" });
    await api.database.pipeline.query({
      text: "UPDATE tenant_secrets SET key_id = 'gone' WHERE tenant_id = 'acme'",
    });
    const acme = { tenantId: "acme", action: sending("shop.token") };
    const unaffected = { tenantId: "acme", action: sending() };
    const ofOther = { tenantId: "other", action: sending("a") };
    const load = createRunSecrets(api.database.pipeline, KEY_RING);
    const secretsOf = await load([acme, unaffected, ofOther]);
    expect([acme, unaffected, ofOther].map(secretsOf)).toEqual([undefined, {}, { a: "b" }]);
    const other = createKeyRing(`k2:${Buffer.alloc(32, 9).toString("base64")}`);
    const none = await createRunSecrets(api.database.pipeline, other)([ofOther]);
    expect(none(ofOther)).toBeUndefined();
  });
});
