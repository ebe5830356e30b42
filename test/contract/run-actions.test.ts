import { describe, expect, test } from "vitest";
import {
  type ClaimedRun,
  claimRuns,
  extendLeases,
  finishRuns,
  queueRuns,
} from "../../src/postgres/runs/runs.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

const RUN = "/tenants/acme/flows/f/run";
const NOBODY = "01a208f8-2149-748f-94fe-b9c62a9e51c2";

interface Queued {
  id: string;
  lane: number;
}

/** A tenant with an undeployed flow. `queued` collects every run that got a job. */
async function withFlow(flow = {}): Promise<ServedApi & { queued: Queued[] }> {
  const queued: Queued[] = [];
  const api = await serveApi({ dispatch: { leaseMs: 60_000, queue: (runs) => void queued.push(...runs) } });
  await api.call("PUT", "/tenants/acme", {});
  await store(api, flow);
  return { ...api, queued };
}

async function store(api: ServedApi, flow = {}): Promise<void> {
  const { status } = await api.call("PUT", "/tenants/acme/flows/f", {
    trigger: { event_types: ["order.paid"] },
    action: { type: "code", handler: "h" },
    ...flow,
  });
  expect(status).toBe(200);
}

async function started(api: ServedApi, data: unknown = {}): Promise<string> {
  const { status, body } = await api.call("POST", RUN, { data });
  expect(status).toBe(202);
  return body.run_id;
}

async function claim(api: ServedApi, id: string): Promise<ClaimedRun> {
  return (await claimRuns(api.database.pipeline, [id], 60_000)).runs[0] as ClaimedRun;
}

async function end(api: ServedApi, run: ClaimedRun, state: "succeeded" | "failed" | "dead") {
  return await finishRuns(api.database.pipeline, [
    {
      ...run,
      state,
      retryDelayMs: 0,
      durationMs: 5,
      responseStatus: undefined,
      errorCode: undefined,
      errorMessage: undefined,
      errorContext: {},
      fingerprint: "",
    },
  ]);
}

const show = async (api: ServedApi, id: string) => (await api.call("GET", `/tenants/acme/runs/${id}`)).body;

describe("a run by hand", () => {
  test("a manual run creates an API event bound to its flow, and a run in the first lane", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/acme/flows/every", {
      trigger: {},
      action: { type: "code", handler: "h" },
    });
    await api.call("POST", "/tenants/acme/flows/every/deploy");
    const { status, body } = await api.call("POST", RUN, { data: { order: 7 } });
    expect(status).toBe(202);
    expect(api.queued).toMatchObject([{ id: body.run_id, lane: 1 }]);
    const event = (await api.call("GET", `/tenants/acme/events/${body.event_id}`)).body;
    expect(event).toMatchObject({
      source: "api",
      priority: 1,
      status: "routed",
      connector: "manual",
      endpoint: "f",
      type: "manual.run",
      data: { order: 7 },
      runs: [{ id: body.run_id, flow_id: "f", flow_version: 1, priority: 1, status: "queued", replay: 0 }],
    });
    expect(await api.database.pipeline.query({ text: "SELECT FROM outbox" })).toEqual([]);
    expect(await claim(api, body.run_id)).toMatchObject({ id: body.run_id, flowVersion: 1 });
  });

  test("a manual run uses the deployed or else the newest version, and the flow's priority", async () => {
    const api = await withFlow();
    await api.call("POST", "/tenants/acme/flows/f/deploy");
    await store(api, { trigger: { priority: 3 } });
    expect(await show(api, await started(api))).toMatchObject({ flow_version: 1, priority: 1 });
    await api.call("POST", "/tenants/acme/flows/f/undeploy");
    expect(await show(api, await started(api))).toMatchObject({ flow_version: 2, priority: 3 });
  });

  test("manual runs with the same Idempotency-Key are one run, also concurrently", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/acme/flows/g", { trigger: {}, action: { type: "code", handler: "h" } });
    const post = async (flow: string, key: string) => {
      const answer = await api.server.inject({
        method: "POST",
        url: `/api/v1/tenants/acme/flows/${flow}/run`,
        headers: { authorization: "Bearer an-admin-key-of-the-tests-0123456789", "idempotency-key": key },
      });
      return { status: answer.statusCode, ...answer.json() };
    };
    const answers = await Promise.all(Array.from({ length: 5 }, () => post("f", "k1")));
    expect(new Set(answers.map((answer) => answer.run_id)).size).toBe(1);
    expect(answers.every((answer) => answer.status === 202)).toBe(true);
    expect(await show(api, answers[0].run_id)).toMatchObject({ event_id: answers[0].event_id });
    expect((await post("f", "k2")).run_id).not.toBe(answers[0].run_id);
    expect((await post("g", "k1")).run_id).not.toBe(answers[0].run_id);
    expect(api.queued).toHaveLength(3);
    expect(await post("f", "x".repeat(201))).toMatchObject({ status: 400 });
  });

  test("a manual run is rejected for an unknown flow, an invalid body, and a read-only key", async () => {
    const api = await withFlow();
    const statusOf = async (path: string, body?: unknown, key?: string) =>
      (await api.call("POST", path, body, key)).status;
    expect(await statusOf("/tenants/acme/flows/nobody/run", {})).toBe(404);
    expect(await statusOf("/tenants/nobody/flows/f/run", {})).toBe(404);
    expect(await statusOf(RUN, { date: {} })).toBe(400);
    expect(await statusOf(RUN, [])).toBe(400);
    expect(await statusOf(RUN)).toBe(202);
    const { key } = (await api.call("POST", "/keys", { name: "r", tenant_id: "acme", scope: "read" })).body;
    expect(await statusOf(RUN, {}, key)).toBe(403);
    await api.call("DELETE", "/tenants/acme/flows/f");
    expect(await statusOf(RUN, {})).toBe(404);
    expect(api.queued).toHaveLength(1);
  });
});

describe("cancelling a run", () => {
  test("cancelling a queued or retrying run ends it, and no worker claims it", async () => {
    const api = await withFlow();
    const [first, second] = [await started(api), await started(api)];
    await end(api, await claim(api, second), "failed");
    for (const id of [first, second]) {
      const { status, body } = await api.call("POST", `/tenants/acme/runs/${id}/cancel`);
      expect([status, body.status, body.next_attempt_at]).toEqual([200, "cancelled", null]);
      expect(Date.parse(body.finished_at)).toBeGreaterThan(0);
    }
    await api.database.pipeline.query({ text: "UPDATE runs SET visible_at = now()" });
    expect(await queueRuns(api.database.pipeline, [first, second], 1_000)).toEqual([]);
    expect(await claim(api, first)).toBeUndefined();
  });

  test("cancelling a running run takes its lease, and its worker cannot write a result", async () => {
    const api = await withFlow();
    const id = await started(api);
    const held = await claim(api, id);
    expect((await api.call("POST", `/tenants/acme/runs/${id}/cancel`)).status).toBe(200);
    expect(await extendLeases(api.database.pipeline, [held], 60_000)).toEqual(new Set());
    for (const state of ["succeeded", "failed", "dead"] as const) {
      expect(await end(api, held, state)).toEqual(new Set());
    }
    expect(await show(api, id)).toMatchObject({ status: "cancelled", attempts: [] });
    expect((await api.call("GET", "/tenants/acme/dlq")).body.items).toEqual([]);
  });

  test("cancelling is rejected for runs that have ended, are unknown, or another tenant's", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/other", {});
    const id = await started(api);
    expect((await api.call("POST", `/tenants/other/runs/${id}/cancel`)).status).toBe(404);
    await end(api, await claim(api, id), "succeeded");
    const late = await api.call("POST", `/tenants/acme/runs/${id}/cancel`);
    expect([late.status, late.body.error]).toEqual([
      409,
      { code: "conflict", message: `Run ${id} has already ended: it is succeeded` },
    ]);
    expect((await api.call("POST", `/tenants/acme/runs/${NOBODY}/cancel`)).status).toBe(404);
    expect((await api.call("POST", "/tenants/acme/runs/x/cancel")).status).toBe(400);
  });
});

describe("replaying a run", () => {
  test("replaying a run creates another run by the deployed version, with its own idempotency key", async () => {
    const api = await withFlow();
    const id = await started(api);
    await end(api, await claim(api, id), "dead");
    await store(api, { name: "mended" });
    api.queued.length = 0;
    const replays = await Promise.all(
      [1, 2, 3].map(() => api.call("POST", `/tenants/acme/runs/${id}/replay`)),
    );
    expect(replays.map((answer) => answer.status)).toEqual([202, 202, 202]);
    const runs = await Promise.all(replays.map((answer) => show(api, answer.body.run_id)));
    expect(runs.map((run) => run.replay).sort()).toEqual([1, 2, 3]);
    const { event_id } = await show(api, id);
    expect(
      runs.every((run) => run.event_id === event_id && run.flow_version === 2 && run.priority === 3),
    ).toBe(true);
    expect(new Set(api.queued.map((run) => run.id))).toEqual(new Set(runs.map((run) => run.id)));
    // A replay can be replayed.
    const [first] = runs;
    await end(api, await claim(api, first.id), "succeeded");
    const again = await api.call("POST", `/tenants/acme/runs/${first.id}/replay`);
    expect(await show(api, again.body.run_id)).toMatchObject({ replay: 4, event_id });
  });

  test("replaying a run is rejected before it has ended, and without its flow or event", async () => {
    const api = await withFlow();
    const id = await started(api);
    const replay = async () => {
      const { status, body } = await api.call("POST", `/tenants/acme/runs/${id}/replay`);
      return [status, body.error?.message];
    };
    expect(await replay()).toEqual([409, `Run ${id} has not ended: it is queued. Cancel it first`]);
    await end(api, await claim(api, id), "succeeded");
    await api.call("DELETE", "/tenants/acme/flows/f");
    expect(await replay()).toEqual([409, "The flow f was deleted"]);
    await store(api);
    await api.database.pipeline.query({ text: "DELETE FROM events" });
    expect(await replay()).toEqual([409, `The event of run ${id} is no longer stored`]);
    expect((await api.call("POST", `/tenants/acme/runs/${NOBODY}/replay`)).status).toBe(404);
  });
});

describe("the log of a run", () => {
  test("the log of a run is empty at first, paged, and visible only to its tenant", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/other", {});
    const id = await started(api);
    const log = async (query = "", tenant = "acme") =>
      await api.call("GET", `/tenants/${tenant}/runs/${id}/log${query}`);
    expect((await log()).body).toEqual({ items: [], next_cursor: null });
    const line = (n: number) => ({ time: "2026-11-23T10:00:00.000Z", level: "info", message: `line ${n}` });
    await api.database.pipeline.query({
      text: `INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
        VALUES ($1, 1, 'acme', 1, $2::json, 0), ($1, 2, 'acme', 2, $3::json, 7)`,
      values: [id, JSON.stringify([line(1), line(2)]), JSON.stringify([line(3)])],
    });
    const first = (await log("?limit=2")).body;
    expect(first.items).toEqual([1, 2].map((n) => ({ attempt: 1, ...line(n) })));
    const second = (await log(`?limit=2&cursor=${first.next_cursor}`)).body;
    expect(second).toEqual({
      items: [
        { attempt: 2, ...line(3) },
        { attempt: 2, ...line(0), level: "warn", message: "7 more lines were dropped" },
      ],
      next_cursor: null,
    });
    expect((await log("", "other")).status).toBe(404);
  });
});
