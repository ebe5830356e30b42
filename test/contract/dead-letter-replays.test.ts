import { describe, expect, test } from "vitest";
import { acceptEvents } from "../../src/postgres/events/accept.ts";
import { type ClaimedRun, claimRuns, finishRuns } from "../../src/postgres/runs/runs.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

const DLQ = "/tenants/acme/dlq";
const NOBODY = "01a208f8-2149-748f-94fe-b9c62a9e51c2";

interface Queued {
  id: string;
  lane: number;
}

/** A tenant whose flow f accepts orders. `queued` collects every run that got a job. */
async function withFlow(): Promise<ServedApi & { queued: Queued[] }> {
  const queued: Queued[] = [];
  const api = await serveApi({ dispatch: { leaseMs: 60_000, queue: (runs) => void queued.push(...runs) } });
  await api.call("PUT", "/tenants/acme", {});
  await deploy(api, "f", { event_types: ["order.*"] });
  return { ...api, queued };
}

async function deploy(api: ServedApi, flow: string, trigger: object): Promise<void> {
  const path = `/tenants/acme/flows/${flow}`;
  await api.call("PUT", path, { trigger, action: { type: "code", handler: "h" } });
  expect((await api.call("POST", `${path}/deploy`)).status).toBe(200);
}

async function accept(api: ServedApi, type: string, payload: Buffer, contentType = "application/json") {
  const accepted = await acceptEvents(api.database.ingest, [
    {
      tenantId: "acme",
      connector: "shop",
      endpoint: "eu",
      type,
      source: "webhook",
      priority: 2,
      deliveryKey: `d:${type}`,
      item: 0,
      headers: { "x-shop": "1" },
      contentType,
      payload,
      keys: [],
      subject: "A-1",
      occurredAtMs: Date.parse("2026-01-02T03:04:05Z"),
    },
  ]);
  if (accepted.kind !== "accepted") throw new Error("expected to be accepted");
  const eventId = accepted.events[0]?.eventId as string;
  await route(api.database, [eventId]);
  return eventId;
}

async function end(api: ServedApi, runId: string, state: "succeeded" | "dead", message = "no") {
  const [run] = (await claimRuns(api.database.pipeline, [runId], 60_000)).runs;
  const ended = {
    retryDelayMs: 0,
    durationMs: 5,
    responseStatus: undefined,
    ...(state === "dead"
      ? {
          errorCode: "HTTP_STATUS",
          errorMessage: message,
          fingerprint: message,
          errorContext: { stage: "execute", code: "HTTP_STATUS" },
        }
      : { errorCode: undefined, errorMessage: undefined, errorContext: undefined, fingerprint: undefined }),
  };
  expect((await finishRuns(api.database.pipeline, [{ ...(run as ClaimedRun), state, ...ended }])).size).toBe(
    1,
  );
}

const letters = async (api: ServedApi) => (await api.call("GET", DLQ)).body.items;
const replay = (api: ServedApi, id: string, body?: unknown) => api.call("POST", `${DLQ}/${id}/replay`, body);
const showRun = async (api: ServedApi, id: string) =>
  (await api.call("GET", `/tenants/acme/runs/${id}`)).body;

/** A dead letter of stage execute, with its event and run. */
async function deadRun(api: ServedApi, data: unknown = { n: 1 }) {
  const eventId = await accept(api, "order.paid", Buffer.from(JSON.stringify(data)));
  const [run] = (await api.call("GET", `/tenants/acme/runs?event=${eventId}`)).body.items;
  await end(api, run.id, "dead", "the first error");
  const [letter] = await letters(api);
  return { eventId, runId: run.id as string, id: letter.id as string };
}

describe("replaying a dead letter whose run failed", () => {
  test("a replay creates one run in the last lane, and its success settles the dead letter", async () => {
    const api = await withFlow();
    const { id, eventId, runId } = await deadRun(api);
    const { status, body } = await replay(api, id);
    expect([status, body]).toEqual([202, { run_id: expect.any(String) }]);
    expect(api.queued).toMatchObject([{ id: body.run_id, lane: 4 }]);
    expect(await showRun(api, body.run_id)).toMatchObject({
      event_id: eventId,
      flow_id: "f",
      replay: 1,
      priority: 4,
      status: "queued",
    });
    expect((await letters(api))[0]).toMatchObject({
      status: "pending",
      retry_count: 1,
      replay_run_id: body.run_id,
      run_id: runId,
    });
    await end(api, body.run_id, "succeeded");
    expect(await letters(api)).toMatchObject([
      { id, status: "replayed", retry_count: 1, replay_run_id: null, error_message: "the first error" },
    ]);
    const late = await replay(api, id);
    expect([late.status, late.body.error.message]).toEqual([
      409,
      `Dead letter ${id} is replayed: there is nothing to replay`,
    ]);
  });

  test("a replay that fails again updates the error of its dead letter, which can be replayed again", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    const first = (await replay(api, id)).body.run_id;
    await end(api, first, "dead", "the second error");
    expect(await letters(api)).toMatchObject([
      {
        id,
        status: "pending",
        retry_count: 1,
        replay_run_id: null,
        run_id: first,
        flow_id: "f",
        error_message: "the second error",
        fingerprint: "the second error",
        stage: "execute",
      },
    ]);
    const second = (await replay(api, id)).body.run_id;
    expect(await showRun(api, second)).toMatchObject({ replay: 2 });
    await end(api, second, "succeeded");
    expect(await letters(api)).toMatchObject([{ id, status: "replayed", retry_count: 2 }]);
  });

  test("concurrent requests to replay a dead letter create one run", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    const answers = await Promise.all(Array.from({ length: 4 }, () => replay(api, id)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409, 409, 409]);
    const refused = answers.find((answer) => answer.status === 409);
    expect(refused?.body.error.message).toContain("is still replaying dead letter");
    expect((await letters(api))[0]).toMatchObject({ retry_count: 1 });
    expect(api.queued).toHaveLength(1);
  });

  test("cancelling a replay leaves its dead letter pending", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    const { run_id } = (await replay(api, id)).body;
    expect((await api.call("POST", `/tenants/acme/runs/${run_id}/cancel`)).status).toBe(200);
    expect(await letters(api)).toMatchObject([
      { id, status: "pending", replay_run_id: null, retry_count: 1, error_message: "the first error" },
    ]);
    expect((await replay(api, id)).status).toBe(202);
  });

  test("a replay uses the deployed version, and is rejected when the flow was deleted", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    await api.call("PUT", "/tenants/acme/flows/f", {
      name: "mended",
      trigger: {},
      action: { type: "code", handler: "h" },
    });
    const first = (await replay(api, id)).body.run_id;
    expect(await showRun(api, first)).toMatchObject({ flow_version: 1 });
    await end(api, first, "dead");
    await api.call("POST", "/tenants/acme/flows/f/deploy");
    const second = (await replay(api, id)).body.run_id;
    expect(await showRun(api, second)).toMatchObject({ flow_version: 2 });
    await end(api, second, "dead");
    await api.call("DELETE", "/tenants/acme/flows/f");
    const refused = await replay(api, id);
    expect([refused.status, refused.body.error]).toEqual([
      409,
      { code: "conflict", message: "The flow f was deleted" },
    ]);
    expect((await letters(api))[0]).toMatchObject({ retry_count: 2, status: "pending" });
  });

  test("a replay recreates its event with the same bytes and key when its partition was dropped", async () => {
    const api = await withFlow();
    const { id, eventId } = await deadRun(api, { n: "é", big: 12345678901234 });
    const before = (await api.call("GET", `/tenants/acme/events/${eventId}`)).body;
    await api.database.pipeline.query({ text: "DELETE FROM events" });
    const { run_id } = (await replay(api, id)).body;
    const run = await showRun(api, run_id);
    expect(run.event_id).not.toBe(eventId);
    const made = (await api.call("GET", `/tenants/acme/events/${run.event_id}`)).body;
    for (const same of [
      "connector",
      "endpoint",
      "type",
      "subject",
      "occurred_at",
      "idempotency_key",
      "data",
    ]) {
      expect([same, made[same]]).toEqual([same, before[same]]);
    }
    expect(made).toMatchObject({ source: "replay", priority: 4, status: "routed" });
    // The next replay finds the recreated event.
    await end(api, run_id, "dead");
    const again = await showRun(api, (await replay(api, id)).body.run_id);
    expect(again).toMatchObject({ event_id: run.event_id, replay: 2 });
    expect((await letters(api))[0]).toMatchObject({ event_id: eventId, event_payload: { n: "é" } });
  });

  test("a replay with an edited payload keeps the original, and later replays use the edit", async () => {
    const api = await withFlow();
    const { id, eventId } = await deadRun(api, { total: "wrong" });
    const { run_id } = (await replay(api, id, { payload: { total: 5 } })).body;
    const run = await showRun(api, run_id);
    const event = (await api.call("GET", `/tenants/acme/events/${run.event_id}`)).body;
    expect(event).toMatchObject({ data: { total: 5 }, source: "replay", subject: "A-1" });
    expect((await letters(api))[0]).toMatchObject({
      event_id: eventId,
      event_payload: { total: "wrong" },
      edited_payload: { total: 5 },
    });
    const original = (await api.call("GET", `/tenants/acme/events/${eventId}`)).body;
    expect([original.data, original.idempotency_key === event.idempotency_key]).toEqual([
      { total: "wrong" },
      false,
    ]);
    await end(api, run_id, "dead");
    const again = await showRun(api, (await replay(api, id)).body.run_id);
    expect(again.event_id).toBe(run.event_id);
    // A dead letter cannot be edited while its replay is in flight.
    expect((await replay(api, id, { payload: 1 })).status).toBe(409);
    expect((await letters(api))[0]).toMatchObject({ edited_payload: { total: 5 } });
  });

  test("a replay is rejected for an unknown or another tenant's dead letter, an invalid body, and a read-only key", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    await api.call("PUT", "/tenants/other", {});
    const { key } = (await api.call("POST", "/keys", { name: "r", tenant_id: "acme", scope: "read" })).body;
    expect((await replay(api, NOBODY)).status).toBe(404);
    expect((await api.call("POST", `/tenants/other/dlq/${id}/replay`)).status).toBe(404);
    expect((await replay(api, "x")).status).toBe(400);
    expect((await replay(api, id, { paylod: 1 })).status).toBe(400);
    expect((await replay(api, id, [])).status).toBe(400);
    expect((await api.call("POST", `${DLQ}/${id}/replay`, {}, key)).status).toBe(403);
    expect(api.queued).toEqual([]);
  });
});

describe("replaying a dead letter that never came to a run", () => {
  test("a dead letter stays in its group when its replay fails for the same cause", async () => {
    const api = await withFlow();
    await accept(api, "refund.made", Buffer.from("{}"));
    await accept(api, "refund.lost", Buffer.from("{}"));
    await accept(api, "order.paid", Buffer.from("not JSON"));
    const groups = async () =>
      (await api.call("GET", `${DLQ}/groups`)).body.items.map(
        (group: { fingerprint: string; count: number }) => [group.fingerprint, group.count],
      );
    const before = await groups();
    expect(before.map(([, count]: [string, number]) => count).sort()).toEqual([1, 2]);
    for (const letter of (await api.call("GET", DLQ)).body.items) {
      expect((await api.call("POST", `${DLQ}/${letter.id}/replay`)).status).toBe(422);
    }
    expect((await groups()).sort()).toEqual(before.sort());
  });

  test("replaying an unmatched event reports that it matches no flow until one is deployed", async () => {
    const api = await withFlow();
    const eventId = await accept(api, "ping", Buffer.from('{"a":1}'));
    const [{ id }] = await letters(api);
    const none = await replay(api, id);
    expect([none.status, none.body.error.code]).toEqual([422, "unmatched"]);
    expect(await letters(api)).toMatchObject([
      { id, stage: "route", status: "pending", retry_count: 1, replay_run_id: null },
    ]);
    await deploy(api, "ping-a", { event_types: ["ping"], where: "a eq 1" });
    await deploy(api, "ping-b", { event_types: ["ping"] });
    await deploy(api, "ping-c", { event_types: ["ping"], where: "a eq 2" });
    const { status, body } = await replay(api, id);
    expect([status, body]).toEqual([
      202,
      { run_id: body.run_ids[0], run_ids: [expect.any(String), expect.any(String)] },
    ]);
    const [linked, other] = await Promise.all(body.run_ids.map((run: string) => showRun(api, run)));
    expect([linked, other]).toMatchObject([
      { flow_id: "ping-a", event_id: eventId, priority: 4 },
      { flow_id: "ping-b", event_id: eventId, priority: 4 },
    ]);
    expect((await api.call("GET", `/tenants/acme/events/${eventId}`)).body.status).toBe("routed");
    // The second flow's run has a dead letter of its own; the first run settles the original one.
    await end(api, other.id, "dead", "b failed");
    await end(api, linked.id, "succeeded");
    const after = await letters(api);
    expect(after).toMatchObject([
      { flow_id: "ping-b", run_id: other.id, status: "pending", error_message: "b failed" },
      { id, flow_id: null, status: "replayed", retry_count: 2 },
    ]);
  });

  test("a replay of an unmatched event that died goes only to that flow from then on", async () => {
    const api = await withFlow();
    await accept(api, "ping", Buffer.from("{}"));
    const [{ id }] = await letters(api);
    await deploy(api, "ping-a", { event_types: ["ping"] });
    await end(api, (await replay(api, id)).body.run_id, "dead", "a failed");
    await deploy(api, "ping-b", { event_types: ["ping"] });
    expect(await letters(api)).toMatchObject([{ id, stage: "execute", flow_id: "ping-a" }]);
    expect((await replay(api, id)).body).toEqual({ run_id: expect.any(String) });
  });

  test("replaying an unreadable event needs a readable payload, and the original bytes stay", async () => {
    const api = await withFlow();
    const bytes = Buffer.from([0x7b, 0xff, 0x00]);
    await accept(api, "order.x", bytes);
    const [{ id }] = await letters(api);
    const unreadable = await replay(api, id);
    expect([unreadable.status, unreadable.body.error.code]).toEqual([422, "unreadable"]);
    const { status, body } = await replay(api, id, { payload: { mended: true } });
    expect(status).toBe(202);
    const run = await showRun(api, body.run_id);
    const event = (await api.call("GET", `/tenants/acme/events/${run.event_id}`)).body;
    expect([run.flow_id, event.data]).toEqual(["f", { mended: true }]);
    expect((await letters(api))[0]).toMatchObject({
      event_payload: { base64: bytes.toString("base64") },
      edited_payload: { mended: true },
      retry_count: 2,
    });
  });
});

describe("replaying an event", () => {
  test("replaying a dropped event starts the flows deployed since", async () => {
    const api = await withFlow();
    await api.call("PUT", `${DLQ}/policy`, { unmatched: "drop" });
    const eventId = await accept(api, "ping", Buffer.from('{"a":1}'));
    expect(await letters(api)).toEqual([]);
    const path = `/tenants/acme/events/${eventId}/replay`;
    expect((await api.call("POST", path)).body.error.code).toBe("unmatched");
    await deploy(api, "late", { event_types: ["ping"], priority: 2 });
    const { status, body } = await api.call("POST", path);
    expect(status).toBe(202);
    expect(await showRun(api, body.run_id)).toMatchObject({
      flow_id: "late",
      event_id: eventId,
      replay: 1,
      priority: 2,
    });
    expect((await api.call("GET", `/tenants/acme/events/${eventId}`)).body.status).toBe("routed");
    // A named flow gets the event without matching it, and each replay is another run.
    const named = (await api.call("POST", path, { flow: "f" })).body.run_id;
    expect(await showRun(api, named)).toMatchObject({ flow_id: "f", replay: 1, priority: 3 });
    const again = (await api.call("POST", path, { flow: "f" })).body.run_id;
    expect(await showRun(api, again)).toMatchObject({ flow_id: "f", replay: 2 });
    expect(api.queued).toHaveLength(3);
    expect((await api.call("POST", path, { flow: "nobody" })).status).toBe(404);
    expect((await api.call("POST", `/tenants/acme/events/${NOBODY}/replay`)).status).toBe(404);
  });
});

describe("replaying many dead letters", () => {
  const BULK = `${DLQ}/replay`;

  test("a dry run of a bulk replay counts the matches and starts nothing", async () => {
    const api = await withFlow();
    await deadRun(api);
    await accept(api, "ping", Buffer.from("{}"));
    const since = new Date(Date.now() - 60_000).toISOString();
    const cases: [filter: object, count: number][] = [
      [{}, 2],
      [{ flow: "f" }, 1],
      [{ flow: "g" }, 0],
      [{ connector: "shop" }, 2],
      [{ stage: "route" }, 1],
      [{ fingerprint: "the first error" }, 1],
      [{ since }, 2],
      [{ until: since }, 0],
    ];
    for (const [filter, count] of cases) {
      const { status, body } = await api.call("POST", BULK, { filter, dry_run: true });
      expect([filter, status, body]).toEqual([filter, 200, { replay_id: null, count }]);
    }
    expect((await api.call("GET", `${DLQ}/replays`)).body).toEqual({ items: [], next_cursor: null });
  });

  test("a bulk replay takes only pending dead letters that are not being replayed", async () => {
    const api = await withFlow();
    const { id } = await deadRun(api);
    const count = async () => (await api.call("POST", BULK, { filter: {}, dry_run: true })).body.count;
    const { run_id } = (await replay(api, id)).body;
    expect(await count()).toBe(0);
    await end(api, run_id, "dead");
    expect(await count()).toBe(1);
    await end(api, (await replay(api, id)).body.run_id, "succeeded");
    expect(await count()).toBe(0);
  });

  test("a bulk replay is shown, can be stopped, and stays stopped", async () => {
    const api = await withFlow();
    await deadRun(api);
    const { status, body } = await api.call("POST", BULK, { filter: { flow: "f" }, rate_per_second: 7 });
    expect([status, body]).toEqual([202, { replay_id: expect.any(String), count: 1 }]);
    const path = `${DLQ}/replays/${body.replay_id}`;
    const shown = {
      replay_id: body.replay_id,
      tenant_id: "acme",
      filter: { flow: "f" },
      rate_per_second: 7,
      state: "canary",
      reason: null,
      count: 1,
      started: 0,
      succeeded: 0,
      failed: 0,
      in_flight: 0,
      created_at: expect.any(String),
      finished_at: null,
    };
    expect((await api.call("GET", path)).body).toEqual(shown);
    expect((await api.call("GET", `${DLQ}/replays`)).body.items).toEqual([shown]);
    for (let twice = 0; twice < 2; twice += 1) {
      const stopped = await api.call("POST", `${path}/stop`);
      expect([stopped.status, stopped.body.state]).toEqual([200, "stopped"]);
    }
  });

  test("a bulk replay is rejected for an invalid filter or rate, a read-only key, and another tenant", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/other", {});
    const statusOf = async (body: unknown, key?: string) => (await api.call("POST", BULK, body, key)).status;
    expect(await statusOf({})).toBe(400);
    expect(await statusOf({ filter: { flow: 5 } })).toBe(400);
    expect(await statusOf({ filter: { status: "replayed" } })).toBe(400);
    expect(await statusOf({ filter: { since: "yesterday" } })).toBe(400);
    expect(await statusOf({ filter: {}, rate_per_second: 0 })).toBe(400);
    const { key } = (await api.call("POST", "/keys", { name: "r", tenant_id: "acme", scope: "read" })).body;
    expect(await statusOf({ filter: {} }, key)).toBe(403);
    const { replay_id } = (await api.call("POST", BULK, { filter: {} })).body;
    for (const [method, path] of [
      ["GET", `/tenants/other/dlq/replays/${replay_id}`],
      ["POST", `/tenants/other/dlq/replays/${replay_id}/stop`],
      ["GET", `${DLQ}/replays/${NOBODY}`],
    ] as const) {
      expect((await api.call(method, path)).status).toBe(404);
    }
    expect((await api.call("GET", "/tenants/other/dlq/replays")).body.items).toEqual([]);
  });
});
