import { describe, expect, test } from "vitest";
import { createFlowVersions } from "../../src/pipeline/execute/flow-versions.ts";
import { readCounter } from "../../src/postgres/core/change-counters.ts";
import { loadDeployments } from "../../src/postgres/flows/deployments.ts";
import { KEY_RING, type ServedApi, serveApi } from "./serve-api.ts";

const ACTION = { type: "http", url: "https://target.example/hook" };
const FLOW = { trigger: {}, action: ACTION };
const URL = "/tenants/acme/flows/f";

async function withTenant(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  return api;
}

async function liveVersions(api: ServedApi): Promise<number[]> {
  const { deployments } = await loadDeployments(api.database.pipeline, 0);
  return deployments.map((deployment) => deployment.version);
}

/** The secret with which a worker signs calls of a version. */
async function workersSecret(api: ServedApi, flowVersion = 1): Promise<string | undefined> {
  const versions = createFlowVersions(api.database.pipeline, KEY_RING, 10);
  const name = { tenantId: "acme", flowId: "f", flowVersion };
  await versions.prepare([name], await readCounter(api.database.pipeline, "flows"));
  return versions.get(name)?.signing?.secret;
}

describe("flows", () => {
  test("flows are stored with their defaults, and each change makes a version", async () => {
    const api = await withTenant();
    const { status, body } = await api.call("PUT", URL, { name: "F", ...FLOW });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: "f",
      tenant_id: "acme",
      name: "F",
      version: 1,
      deployed: false,
      deployed_version: null,
      ...FLOW,
      retry: { max_attempts: 5, backoff: "exponential", delay_ms: 1000, max_delay_ms: 3_600_000 },
    });
    const again = await api.call("PUT", URL, { name: "F", ...FLOW });
    expect(again.body.version).toBe(1);
    const changed = await api.call("PUT", URL, { ...FLOW, retry: { max_attempts: 1 } });
    expect(changed.body).toMatchObject({ version: 2, retry: { max_attempts: 1, delay_ms: 1000 } });
    expect(changed.body.name).toBeUndefined();
    expect((await api.call("GET", URL)).body).toEqual(changed.body);
    expect((await api.call("GET", "/tenants/acme/flows")).body).toEqual({
      items: [changed.body],
      next_cursor: null,
    });
  });

  test("a flow keeps the statuses that end its runs at once, also none", async () => {
    const api = await withTenant();
    for (const statuses of [[400, 501], []]) {
      const { body } = await api.call("PUT", URL, { ...FLOW, retry: { fatal_statuses: statuses } });
      expect(body.retry).toMatchObject({ fatal_statuses: statuses, max_attempts: 5 });
      expect((await api.call("GET", URL)).body.retry).toEqual(body.retry);
    }
  });

  test("a flow accepts a condition as text or tree, and shows both", async () => {
    const api = await withTenant();
    const text = 'status eq "completed" and total gt 100';
    const fromText = (await api.call("PUT", URL, { ...FLOW, trigger: { where: text } })).body;
    expect(fromText.where_text).toBe(text);
    const fromTree = await api.call("PUT", URL, { ...FLOW, trigger: { where: fromText.trigger.where } });
    expect(fromTree.body).toMatchObject({ version: 1, where_text: text, trigger: fromText.trigger });
  });

  test("a flow shows its signing secret once, and workers sign with it", async () => {
    const api = await withTenant();
    const { signing_secret: made } = (await api.call("PUT", URL, FLOW)).body;
    expect(made).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await workersSecret(api)).toBe(made);
    const again = await api.call("PUT", URL, FLOW);
    const shown = await api.call("GET", URL);
    expect(JSON.stringify([again, shown, api.logged])).not.toContain(made);
    const given = `whsec_${Buffer.alloc(24, 5).toString("base64")}`;
    const before = await readCounter(api.database.pipeline, "flows");
    expect((await api.call("PUT", URL, { ...FLOW, signing_secret: given })).body.signing_secret).toBe(given);
    expect(await workersSecret(api)).toBe(given);
    expect(await readCounter(api.database.pipeline, "flows")).toBeGreaterThan(before);
  });

  test("a flow is live from deploy to undeploy, in the deployed version", async () => {
    const api = await withTenant();
    await api.call("PUT", URL, FLOW);
    expect(await liveVersions(api)).toEqual([]);
    expect((await api.call("POST", `${URL}/deploy`)).body).toMatchObject({
      deployed: true,
      deployed_version: 1,
    });
    expect((await api.call("PUT", URL, { ...FLOW, name: "new" })).body).toMatchObject({
      version: 2,
      deployed_version: 1,
    });
    expect(await liveVersions(api)).toEqual([1]);
    await api.call("POST", `${URL}/deploy`);
    await api.call("POST", `${URL}/deploy`);
    expect(await liveVersions(api)).toEqual([2]);
    expect((await api.call("POST", `${URL}/undeploy`)).body).toMatchObject({
      deployed: false,
      deployed_version: null,
    });
    expect(await liveVersions(api)).toEqual([]);
  });

  test("a deleted flow is undeployed, and is undeployed with a new secret when created again", async () => {
    const api = await withTenant();
    const first = (await api.call("PUT", URL, FLOW)).body;
    await api.call("POST", `${URL}/deploy`);
    expect((await api.call("DELETE", URL)).status).toBe(204);
    expect(await liveVersions(api)).toEqual([]);
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/deploy"],
      ["POST", "/undeploy"],
    ]) {
      expect((await api.call(method as string, `${URL}${path}`)).status).toBe(404);
    }
    const back = (await api.call("PUT", URL, FLOW)).body;
    expect(back).toMatchObject({ deployed: false, signing_secret: expect.any(String) });
    expect(back.signing_secret).not.toBe(first.signing_secret);
  });

  test("a deploy that races a delete never leaves the flow deployed", async () => {
    const api = await withTenant();
    for (let round = 0; round < 5; round += 1) {
      await api.call("PUT", URL, FLOW);
      const calls = Array.from({ length: 3 }, () => api.call("POST", `${URL}/deploy`));
      const statuses = await Promise.all([...calls, api.call("DELETE", URL)]);
      expect(statuses.every(({ status }) => [200, 204, 404].includes(status))).toBe(true);
      expect(await liveVersions(api)).toEqual([]);
    }
  });

  test("a flow keeps its limits and order until a PUT omits them", async () => {
    const api = await withTenant();
    const limits = {
      concurrency: 3,
      rate_limit: { per_second: 0.5 },
      order_by: "order.id",
      on_order_failure: "skip",
    };
    expect((await api.call("PUT", URL, { ...FLOW, ...limits })).body).toMatchObject({
      ...limits,
      version: 1,
    });
    expect((await api.call("GET", URL)).body).toMatchObject(limits);
    const without = (await api.call("PUT", URL, FLOW)).body;
    expect(without).toMatchObject({ version: 2 });
    for (const field of Object.keys(limits)) expect(without).not.toHaveProperty(field);
  });

  test.each([
    ["concurrency", 0],
    ["concurrency", 1.5],
    ["rate_limit", {}],
    ["rate_limit", { per_second: 0 }],
    ["rate_limit", { per_second: 5, burst: 2 }],
    ["order_by", 7],
    ["on_order_failure", "stop"],
  ])("a flow with %s %j is rejected", async (field, value) => {
    const api = await withTenant();
    const { status, body } = await api.call("PUT", URL, { ...FLOW, [field]: value });
    expect(status).toBe(400);
    expect(body.error.details[0].field).toContain(field);
  });

  test("rotating a flow's signing secret shows the new one once, and the old one overlaps", async () => {
    const api = await withTenant();
    const { signing_secret: first } = (await api.call("PUT", URL, FLOW)).body;
    const opened = async () => {
      const versions = createFlowVersions(api.database.pipeline, KEY_RING, 10);
      const name = { tenantId: "acme", flowId: "f", flowVersion: 1 };
      await versions.prepare([name], 1);
      return versions.get(name);
    };
    const second = (await api.call("POST", `${URL}/rotate`)).body;
    expect(second).toMatchObject({ id: "f", version: 1, signing_secret: expect.any(String) });
    expect(second.signing_secret).not.toBe(first);
    expect(await opened()).toMatchObject({
      signing: { secret: second.signing_secret, former: { value: first } },
    });
    const hours = (Date.parse(second.old_secret_until) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(24.1);
    const own = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
    const third = (await api.call("POST", `${URL}/rotate`, { signing_secret: own, overlap_seconds: 0 })).body;
    expect(third.signing_secret).toBe(own);
    expect((await opened())?.signing?.former?.untilMs).toBeLessThanOrEqual(Date.now() + 1_000);
    expect((await api.call("GET", URL)).body).not.toHaveProperty("signing_secret");
    const [row] = await api.database.pipeline.query({ text: "SELECT f::text AS text FROM flows f" });
    for (const secret of [first, second.signing_secret, own]) {
      expect(row?.["text"]).not.toContain(Buffer.from(secret).toString("hex"));
      expect(api.logged.join()).not.toContain(secret);
    }
    expect((await api.call("POST", `${URL}/rotate`, { overlap_seconds: -1 })).status).toBe(400);
    expect((await api.call("POST", "/tenants/acme/flows/none/rotate")).status).toBe(404);
  });

  test("a flow is rejected for an invalid order_by or template, with its position", async () => {
    const api = await withTenant();
    const cases: [field: string, flow: unknown][] = [
      ["order_by", { ...FLOW, order_by: "a..b" }],
      ["order_by", { ...FLOW, order_by: "__proto__.x" }],
      ["order_by", { ...FLOW, order_by: "$event" }],
      ["on_order_failure", { ...FLOW, on_order_failure: "skip" }],
      ["action.url", { ...FLOW, action: { type: "http", url: "ftp://x.example" } }],
      ["action.url", { ...FLOW, action: { type: "http", url: "https://user:word@x.example" } }],
      ["action.headers.host", { ...FLOW, action: { ...ACTION, headers: { host: "x" } } }],
      ["action.url", { ...FLOW, action: { ...ACTION, url: "https://{{event.data.host}}/" } }],
      ["action.url", { ...FLOW, action: { ...ACTION, url: "ftp://x.example/{{event.id}}" } }],
      ["action.headers.x-k", { ...FLOW, action: { ...ACTION, headers: { "x-k": "{{event.data" } } }],
      ["action.body", { ...FLOW, action: { ...ACTION, body: '{"k": "{{secret.k}}"}' } }],
    ];
    for (const [field, flow] of cases) {
      const { status, body } = await api.call("PUT", URL, flow);
      const [detail] = body.error.details;
      expect([field, status, body.error.code]).toEqual([detail.field, 422, "unprocessable"]);
    }
    expect((await api.call("GET", URL)).status).toBe(404);
  });

  test("a flow is rejected for an invalid condition, with the position of the error", async () => {
    const api = await withTenant();
    for (const where of [
      "status eq",
      { op: "eq", path: "a", value: null },
      7,
      { op: "and", conditions: [] },
      'status eq "\\ud800"',
    ]) {
      const { status, body } = await api.call("PUT", URL, { ...FLOW, trigger: { where } });
      expect([status, body.error.code]).toEqual([422, "invalid_condition"]);
      expect(body.error.details[0].field).toMatch(/^where/);
    }
  });

  test("a flow is rejected for text that cannot be stored", async () => {
    const api = await withTenant();
    for (const text of ["\0", "\ud800"]) {
      const action = { ...ACTION, body: text, headers: { "content-type": "text/plain" } };
      const { status, body } = await api.call("PUT", URL, { ...FLOW, action });
      expect([status, body.error.code]).toEqual([400, "invalid_request"]);
    }
  });

  test("a flow is rejected for invalid fields, with the expected values", async () => {
    const api = await withTenant();
    const cases: [field: string, flow: unknown][] = [
      ["body", '"a flow"'],
      ["trigger", { action: ACTION }],
      ["action", { trigger: {} }],
      ["action", { trigger: {}, action: { type: "ftp" } }],
      ["action.url", { trigger: {}, action: { type: "http" } }],
      ["action.handler", { trigger: {}, action: { type: "code" } }],
      ["action.timeout_ms", { trigger: {}, action: { ...ACTION, timeout_ms: 1 } }],
      ["retry.max_attempts", { ...FLOW, retry: { max_attempts: 0 } }],
      ["retry.fatal_statuses.0", { ...FLOW, retry: { fatal_statuses: [200] } }],
      ["retry.delay_ms", { ...FLOW, retry: { delay_ms: 9 } }],
      ["trigger.priority", { ...FLOW, trigger: { priority: 5 } }],
      ["trigger.event_types.0", { ...FLOW, trigger: { event_types: ["a*b"] } }],
      ["signing_secret", { ...FLOW, signing_secret: "short" }],
      ["typo", { ...FLOW, typo: true }],
    ];
    for (const [field, flow] of cases) {
      const { status, body } = await api.call("PUT", URL, flow);
      const [detail] = body.error.details;
      expect([field, status, body.error.code]).toEqual([detail.field, 400, "invalid_request"]);
      expect(detail).toEqual({ field, expected: expect.any(String), got: expect.any(String) });
    }
    expect((await api.call("GET", URL)).status).toBe(404);
  });
});
