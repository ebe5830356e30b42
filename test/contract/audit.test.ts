import { describe, expect, test } from "vitest";
import { deleteOldAudit } from "../../src/postgres/access/audit.ts";
import { claimRuns, finishRuns } from "../../src/postgres/runs/runs.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

const WEBHOOK = { webhook: { preset: "standard-webhooks" } };
const SOURCE = {
  ...WEBHOOK,
  source: {
    request: { url: "{base_url}/orders" },
    auth: { type: "bearer" },
    pagination: { type: "none" },
    records: "orders",
  },
};
const FLOW = { trigger: { connector: "shop" }, action: { type: "http", url: "https://a.example" } };
const POLLED = {
  connector: "shop",
  entity: "order",
  params: { base_url: "https://shop.example" },
  credentials: { token: "hunter2-token" },
  base_interval_seconds: 300,
  baseline: "silent",
  diff: "none",
};

type Call = [method: string, route: string, body?: unknown];
type Answers = Record<string, string>;

/** A successful call of each route that changes something. `{name}` in a path comes from an earlier response. */
const CALLS: Call[] = [
  ["PUT", "/tenants/acme", { name: "Acme" }],
  ["PUT", "/connectors/shop", SOURCE],
  ["PUT", "/tenants/acme/endpoints/shop", { secrets: [{ value: "hunter2-secret" }] }],
  ["PUT", "/tenants/acme/endpoints/shop/second", { secrets: [{ value: "hunter2-secret" }] }],
  ["POST", "/tenants/acme/endpoints/shop/rotate", { value: "hunter2-next", overlap_seconds: 60 }],
  ["POST", "/tenants/acme/endpoints/shop/second/rotate", { value: "hunter2-next", overlap_seconds: 60 }],
  ["PUT", "/tenants/acme/secrets/token", { value: "hunter2-value" }],
  ["PUT", "/tenants/acme/flows/f", FLOW],
  ["POST", "/tenants/acme/flows/f/rotate", {}],
  ["POST", "/tenants/acme/flows/f/deploy"],
  ["POST", "/tenants/acme/flows/f/run", { data: { a: 1 } }],
  ["POST", "/tenants/acme/runs/{run_id}/cancel"],
  ["POST", "/tenants/acme/runs/{run_id}/replay"],
  ["POST", "/tenants/acme/events/{event_id}/replay", { flow: "f" }],
  ["POST", "/tenants/acme/dlq/{letter_id}/replay", {}],
  ["POST", "/tenants/acme/dlq/replay", { filter: {} }],
  ["POST", "/tenants/acme/dlq/replays/{replay_id}/stop"],
  ["POST", "/tenants/acme/flows/f/undeploy"],
  ["PUT", "/tenants/acme/dlq/policy", { retention_days: 7 }],
  ["PUT", "/dlq/policy", { retention_days: 7 }],
  ["PUT", "/tenants/acme/sources/orders", POLLED],
  ["POST", "/tenants/acme/sources/orders/poll", {}],
  ["POST", "/keys", { name: "ci", scope: "read" }],
  ["DELETE", "/tenants/acme/events/{event_id}/data"],
  ["DELETE", "/keys/{id}"],
  ["DELETE", "/tenants/acme/sources/orders"],
  ["DELETE", "/tenants/acme/flows/f"],
  ["DELETE", "/tenants/acme/secrets/token"],
  ["DELETE", "/tenants/acme/endpoints/shop/second"],
  ["DELETE", "/tenants/acme/endpoints/shop"],
  ["DELETE", "/connectors/shop"],
  ["DELETE", "/tenants/acme"],
];

/** Routes that need a poll or a backfill first. They use the same database. */
const NOT_CALLED = ["/backfill/stop", "/holds/{hold_id}/approve", "/holds/{hold_id}/reject"];

/** Ends the latest run as dead. Its dead letter is replayed next. */
async function makeLetter(api: ServedApi, answers: Answers): Promise<void> {
  const [run] = (await claimRuns(api.database.pipeline, [answers["run_id"] ?? ""], 60_000)).runs;
  if (run === undefined) throw new Error("the run cannot be claimed");
  const error = { errorCode: "HTTP_STATUS", errorMessage: "no", fingerprint: "no" };
  const ended = { retryDelayMs: 0, durationMs: 5, responseStatus: undefined, ...error };
  const errorContext = { stage: "execute", code: "HTTP_STATUS" };
  await finishRuns(api.database.pipeline, [{ ...run, state: "dead", ...ended, errorContext }]);
  const { items } = (await api.call("GET", "/tenants/acme/dlq")).body;
  answers["letter_id"] = items[0].id;
}

/** Routes that change nothing, and the one that posts events, which are a record of their own. */
const UNAUDITED = ["POST /tenants/{tenant_id}/events", "POST /tenants/{tenant_id}/flows/{flow}/test"];

async function rows({ database }: ServedApi) {
  return await database.pipeline.query<{ id: string; object: string; route: string }>({
    text: "SELECT * FROM audit ORDER BY id",
  });
}

describe("the audit", () => {
  test("the audit log has one row per call that changed something, and none per failed call", async () => {
    const api = await serveApi();
    const seen: string[] = [];
    const answers: Answers = {};
    for (const [method, template, body] of CALLS) {
      if (template.includes("{letter_id}")) await makeLetter(api, answers);
      const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => answers[name] ?? "");
      const before = (await rows(api)).length;
      const { status, headers, body: answer } = await api.call(method, path, body);
      expect([method, path, status < 300, status < 300 ? "" : answer]).toEqual([method, path, true, ""]);
      const after = await rows(api);
      expect([method, path, after.length]).toEqual([method, path, before + 1]);
      expect(after.at(-1)).toMatchObject({
        key_name: "HEADRACE_ADMIN_KEY",
        request_id: headers["x-request-id"],
      });
      seen.push(String(after.at(-1)?.route));
      Object.assign(answers, answer);
    }
    const { length } = await rows(api);
    const refused = [
      await api.call("PUT", "/tenants/acme", {}),
      await api.call("PUT", "/connectors/shop", { webhook: { preset: "none-such" } }),
      await api.call("DELETE", "/tenants/none"),
      await api.call("DELETE", "/keys/01a20932-a73f-7d5c-b0c1-bf8425f48378"),
    ];
    expect(refused.map(({ status }) => status >= 400)).toEqual([true, true, true, true]);
    expect((await rows(api)).length).toBe(length);
    expect(JSON.stringify(await rows(api))).not.toContain("hunter2");
    const document = (await api.server.inject("/openapi.json")).json() as { paths: Record<string, object> };
    const uncovered = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .map((method) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`)
        .filter((route) => !route.startsWith("GET ") && !route.startsWith("POST /webhooks/"))
        .filter((route) => !UNAUDITED.includes(route) && !NOT_CALLED.some((end) => route.endsWith(end)))
        .filter((route) => !seen.includes(route.replaceAll(/\{(\w+)\}/g, ":$1"))),
    );
    expect(uncovered).toEqual([]);
  });

  test("the audit log is listed newest first, in pages, by key, object and time, and per tenant", async () => {
    const api = await serveApi();
    for (const tenant of ["acme", "other"]) await api.call("PUT", `/tenants/${tenant}`, {});
    const write = (await api.call("POST", "/keys", { name: "w", scope: "write", tenant_id: "acme" })).body;
    await api.call("PUT", "/tenants/acme/secrets/a", { value: "hunter2" }, write.key);
    await api.call("PUT", "/tenants/acme", { name: "New", weight: 2 });
    const all = (await api.call("GET", "/audit")).body.items;
    expect(all.map((entry: { object: string }) => entry.object)).toEqual([
      ...["tenants/acme", "secrets/a", `keys/${write.id}`, "tenants/other", "tenants/acme"],
    ]);
    expect(all[0]).toMatchObject({
      tenant_id: "acme",
      key: { name: "HEADRACE_ADMIN_KEY" },
      route: "PUT /tenants/:tenant_id",
      difference: { "tenants.name": { from: null, to: "New" }, "tenants.weight": { from: 1, to: 2 } },
    });
    expect(all[1]).toMatchObject({
      key: { id: write.id, name: "w" },
      difference: { "tenant_secrets.sealed": "changed" },
    });
    const own = (await api.call("GET", "/tenants/acme/audit?limit=2", undefined, write.key)).body;
    const rest = (await api.call("GET", `/tenants/acme/audit?limit=2&cursor=${own.next_cursor}`)).body;
    expect([own.items.length, rest.items.length, rest.next_cursor]).toEqual([2, 1, null]);
    const count = async (query: string) => (await api.call("GET", `/audit?${query}`)).body.items.length;
    expect(await count(`key=${write.id}`)).toBe(1);
    expect(await count("key=w")).toBe(1);
    expect(await count("object=tenants")).toBe(3);
    expect(await count("object=tenants/acme")).toBe(2);
    expect(await count("tenant=other")).toBe(1);
    expect(await count(`since=${new Date(Date.now() + 60_000).toISOString()}`)).toBe(0);
    expect(await count(`until=${new Date(Date.now() + 60_000).toISOString()}`)).toBe(5);
    expect((await api.call("GET", "/audit", undefined, write.key)).status).toBe(403);
    expect((await api.call("GET", "/tenants/other/audit", undefined, write.key)).status).toBe(403);
  });

  test("the audit log is immutable to the API's role and hidden from a later tenant of the same id", async () => {
    const api = await serveApi();
    await api.call("PUT", "/tenants/acme", {});
    for (const text of ["UPDATE audit SET object = ''", "DELETE FROM audit"]) {
      const change = api.database.withTenant("acme", (transaction) => transaction.query({ text }));
      await expect(change).rejects.toThrow("permission denied");
    }
    await api.database.pipeline.query({ text: "UPDATE tenants SET created_at = clock_timestamp()" });
    expect((await api.call("GET", "/tenants/acme/audit")).body.items).toEqual([]);
    expect((await api.call("GET", "/audit?tenant=acme")).body.items).toHaveLength(1);
  });

  test("the audit log expires entries after their retention, oldest first, in batches", async () => {
    const api = await serveApi();
    for (const tenant of ["a", "b", "c"]) await api.call("PUT", `/tenants/${tenant}`, {});
    await api.database.transaction((transaction) =>
      transaction.query({
        text: "INSERT INTO audit (id, at, route, object, difference) SELECT uuid7(n), to_timestamp(n / 1e6), 'r', 'o', '{}' FROM generate_series(1, 3) n",
      }),
    );
    const old = { keptMs: 400 * 86_400_000, limit: 2 };
    expect(await deleteOldAudit(api.database.pipeline, old)).toBe(2);
    expect(await deleteOldAudit(api.database.pipeline, old)).toBe(1);
    expect(await rows(api)).toHaveLength(3);
  });
});
