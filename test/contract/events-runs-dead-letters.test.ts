import { describe, expect, test } from "vitest";
import { acceptEvents } from "../../src/postgres/events/accept.ts";
import { claimRuns, type FinishedAttempt, finishRuns } from "../../src/postgres/runs/runs.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

const EVENTS = "/tenants/acme/events";

async function withTenant(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  return api;
}

async function withFlow(): Promise<ServedApi> {
  const api = await withTenant();
  await api.call("PUT", "/tenants/acme/flows/f", {
    trigger: { event_types: ["order.*"] },
    action: { type: "code", handler: "h" },
  });
  await api.call("POST", "/tenants/acme/flows/f/deploy");
  return api;
}

async function post(api: ServedApi, event: Record<string, unknown>): Promise<string> {
  const { status, body } = await api.call("POST", EVENTS, { data: {}, ...event });
  expect(status).toBe(202);
  return body.event_id;
}

async function idsOf(api: ServedApi, path: string): Promise<string[]> {
  const { status, body } = await api.call("GET", path);
  expect([path, status]).toEqual([path, 200]);
  return body.items.map((item: { id: string }) => item.id);
}

/** Claims the only run and ends its attempt. */
async function attempt(api: ServedApi, runId: string, over: Partial<FinishedAttempt>): Promise<void> {
  const { runs } = await claimRuns(api.database.pipeline, [runId], 60_000);
  const ended = {
    retryDelayMs: 0,
    durationMs: 5,
    responseStatus: 200,
    errorCode: undefined,
    errorMessage: undefined,
    errorContext: undefined,
    fingerprint: undefined,
    state: "succeeded" as const,
  };
  const written = await finishRuns(
    api.database.pipeline,
    runs.map((run) => ({ ...ended, ...run, ...over })),
  );
  expect(written.size).toBe(1);
}

const DEAD = {
  state: "dead" as const,
  responseStatus: 400,
  errorCode: "HTTP_STATUS",
  errorMessage: "The target answered 400",
  errorContext: { stage: "execute", step: "http", connector: "api", stack: null },
  fingerprint: "abc",
};

describe("events", () => {
  test("events are shown as they were posted", async () => {
    const api = await withTenant();
    const event = {
      connector: "shop",
      type: "order.paid",
      subject: "A-1",
      data: { total: 5, tags: ["é", "\u0000"] },
    };
    const id = await post(api, { ...event, occurred_at: "2026-01-02T03:04:05+01:00", priority: 3 });
    const { body } = await api.call("GET", `${EVENTS}/${id}`);
    expect(body).toEqual({
      id,
      tenant_id: "acme",
      endpoint: "default",
      source: "api",
      priority: 3,
      status: "accepted",
      ...event,
      occurred_at: "2026-01-02T02:04:05.000Z",
      received_at: expect.stringMatching(/^\d{4}-.*Z$/),
      idempotency_key: expect.stringMatching(/^[0-9a-f]{64}$/),
      timeline: [{ stage: "receive", what: "accepted", at: body.received_at }],
      runs: [],
      routing: [],
    });
    const { timeline, runs, routing, ...listed } = body;
    expect((await api.call("GET", EVENTS)).body.items).toEqual([listed]);
  });

  test("posted events have the connector api and priority 1 by default", async () => {
    const api = await withTenant();
    await post(api, { type: "t", data: null });
    const [event] = (await api.call("GET", EVENTS)).body.items;
    expect(event).toMatchObject({ connector: "api", priority: 1, subject: null, data: null });
  });

  test("posts with the same idempotency key create one event, also within an array", async () => {
    const api = await withTenant();
    const id = await post(api, { type: "t", idempotency_key: "k" });
    expect(await post(api, { type: "t", idempotency_key: "k" })).toBe(id);
    const array = await api.call("POST", EVENTS, [
      { type: "t", data: 1 },
      { type: "t", data: 2, idempotency_key: "k" },
      { type: "t", data: 3, idempotency_key: "l" },
      { type: "t", data: 4, idempotency_key: "l" },
    ]);
    const ids = array.body.event_ids;
    expect([ids.length, ids[1], ids[2] === ids[3]]).toEqual([4, id, true]);
    expect(await idsOf(api, EVENTS)).toHaveLength(3);
    expect(
      new Set(
        await Promise.all(Array.from({ length: 20 }, () => post(api, { type: "t", idempotency_key: "m" }))),
      ).size,
    ).toBe(1);
  });

  test("a thousand events are accepted at once, in order, all or none", async () => {
    const api = await withTenant();
    const many = Array.from({ length: 1_000 }, (_, data) => ({ type: "t", data }));
    expect((await api.call("POST", EVENTS, [...many, { type: "t", data: 0 }])).status).toBe(400);
    expect((await api.call("POST", EVENTS, [...many.slice(1), { type: "t" }])).body.error.details).toEqual([
      { field: "999.data", expected: "any JSON value", got: "nothing" },
    ]);
    expect(await idsOf(api, EVENTS)).toEqual([]);
    const { status, body } = await api.call("POST", EVENTS, many);
    expect([status, body.event_ids]).toEqual([202, [...body.event_ids].sort()]);
    expect(await idsOf(api, `${EVENTS}?limit=1000`)).toEqual(body.event_ids.reverse());
  });

  test("events are rejected for an unknown tenant", async () => {
    const api = await serveApi();
    expect((await api.call("POST", "/tenants/ghost/events", { type: "t", data: {} })).status).toBe(404);
  });

  test("events are found by every filter", async () => {
    const api = await withFlow();
    const paid = await post(api, { type: "order.paid", connector: "shop", subject: "Anna", priority: 2 });
    const other = await post(api, { type: "ping" });
    await route(api.database, [paid, other]);
    const late = await post(api, { type: "late" });
    const event = (await api.call("GET", `${EVENTS}/${other}`)).body;
    const cases: [filter: string, ids: string[]][] = [
      ["connector=shop", [paid]],
      ["type=ping", [other]],
      ["source=api", [late, other, paid]],
      ["source=webhook", []],
      ["status=routed", [paid]],
      ["status=unmatched", [other]],
      ["status=accepted", [late]],
      ["priority=2", [paid]],
      ["q=ANN", [paid]],
      ["q=ing", [other]],
      [`since=${event.received_at}`, [late, other]],
      [`until=${event.received_at}`, [paid]],
    ];
    for (const [filter, ids] of cases) {
      expect([filter, await idsOf(api, `${EVENTS}?${filter}`)]).toEqual([filter, ids]);
    }
  });

  test("pages of events neither repeat nor omit any while others arrive", async () => {
    const api = await withTenant();
    const posted: string[] = [];
    for (let number = 0; number < 7; number += 1) posted.push(await post(api, { type: "t", data: number }));
    const seen: string[] = [];
    for (let cursor = ""; ; ) {
      const { items, next_cursor } = (await api.call("GET", `${EVENTS}?limit=3${cursor}`)).body;
      seen.push(...items.map((item: { id: string }) => item.id));
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
      await post(api, { type: "t", data: "meanwhile" });
    }
    expect(seen).toEqual(posted.reverse());
  });

  test("large events make short pages that still reach every event", async () => {
    const api = await withTenant();
    for (let number = 0; number < 4; number += 1) await post(api, { type: "t", data: "x".repeat(4_500_000) });
    const first = (await api.call("GET", EVENTS)).body;
    expect(first.items).toHaveLength(2);
    const second = (await api.call("GET", `${EVENTS}?cursor=${first.next_cursor}`)).body;
    expect([second.items.length, second.next_cursor]).toEqual([2, null]);
  });
});

describe("runs", () => {
  test("runs are shown with their attempts and in their event's timeline", async () => {
    const api = await withFlow();
    const eventId = await post(api, { type: "order.paid" });
    await route(api.database, [eventId]);
    const [id] = await idsOf(api, "/tenants/acme/runs");
    await attempt(api, id as string, {
      state: "failed",
      responseStatus: 503,
      errorCode: "HTTP_STATUS",
      errorMessage: "The target answered 503",
    });
    const failed = (await api.call("GET", `/tenants/acme/runs/${id}`)).body;
    expect(failed).toMatchObject({
      tenant_id: "acme",
      flow_id: "f",
      flow_version: 1,
      event_id: eventId,
      replay: 0,
      priority: 1,
      status: "failed",
      error: { code: "HTTP_STATUS", message: "The target answered 503" },
      next_attempt_at: expect.any(String),
      finished_at: null,
      attempts: [{ attempt: 1, outcome: "retry", response_status: 503, error: { code: "HTTP_STATUS" } }],
    });
    await api.database.pipeline.query({ text: "UPDATE runs SET state = 'queued'" });
    await attempt(api, id as string, {});
    const { body } = await api.call("GET", `/tenants/acme/runs/${id}`);
    expect(body).toMatchObject({ status: "succeeded", error: null, next_attempt_at: null });
    expect(body.attempts.map((one: { outcome: string }) => one.outcome)).toEqual(["retry", "done"]);
    const event = (await api.call("GET", `${EVENTS}/${eventId}`)).body;
    expect(event).toMatchObject({ status: "routed", runs: [body] });
    expect(
      event.timeline.map((entry: { stage: string; what: string }) => `${entry.stage} ${entry.what}`),
    ).toEqual(["receive accepted", "route routed", "execute queued", "execute running", "execute succeeded"]);
  });

  test("runs are found by every filter, including runs of replays", async () => {
    const api = await withFlow();
    const [one, two] = [await post(api, { type: "order.a" }), await post(api, { type: "order.b" })];
    await route(api.database, [one, two]);
    const runs = "/tenants/acme/runs";
    const [ofOne] = await idsOf(api, `${runs}?event=${one}`);
    await attempt(api, ofOne as string, {});
    await api.database.pipeline.query({
      text: `INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, replay_seq, lane, state, visible_at)
        SELECT uuid7(clock_us()), 'acme', 'f', 1, $1, 1, 3, 'queued', now()`,
      values: [one],
    });
    expect(await idsOf(api, runs)).toHaveLength(3);
    expect(await idsOf(api, `${runs}?event=${one}`)).toHaveLength(2);
    expect(await idsOf(api, `${runs}?status=succeeded`)).toEqual([ofOne]);
    expect(await idsOf(api, `${runs}?flow=f&limit=1`)).toHaveLength(1);
    expect(await idsOf(api, `${runs}?flow=g`)).toEqual([]);
    expect(await idsOf(api, `${runs}?since=2999-01-01T00:00:00Z`)).toEqual([]);
    expect((await api.call("GET", `${EVENTS}/${one}`)).body.runs).toHaveLength(2);
  });
});

describe("dead letters", () => {
  test("dead letters of every stage contain the whole original event", async () => {
    const api = await withFlow();
    const webhook = (payload: Buffer, contentType: string) => ({
      tenantId: "acme",
      connector: "shop",
      endpoint: "eu",
      type: "order.x",
      source: "webhook" as const,
      priority: 2 as const,
      deliveryKey: "d",
      item: 0,
      headers: {},
      contentType,
      payload,
      keys: [],
    });
    const accepted = await acceptEvents(api.database.ingest, [
      webhook(Buffer.from('{"a":'), "application/json"),
      webhook(Buffer.from([0xff, 0x00]), "application/octet-stream"),
    ]);
    if (accepted.kind !== "accepted") throw new Error("expected to be accepted");
    const unmatched = await post(api, { type: "ping", data: { a: [1] } });
    const failing = await post(api, { type: "order.y", data: "text" });
    await route(api.database, [...accepted.events.map((event) => event.eventId), unmatched, failing]);
    const [runId] = await idsOf(api, "/tenants/acme/runs");
    await attempt(api, runId as string, DEAD);

    const { items } = (await api.call("GET", "/tenants/acme/dlq")).body;
    expect(items).toHaveLength(4);
    const byPayload = new Map(
      items.map((item: { event_payload: unknown }) => [JSON.stringify(item.event_payload), item]),
    );
    expect(byPayload.get('{"text":"{\\"a\\":"}')).toMatchObject({
      connector: "shop",
      endpoint: "eu",
      flow_id: null,
      run_id: null,
      content_type: "application/json",
      error_context: { stage: "normalize" },
    });
    expect(byPayload.get('{"base64":"/wA="}')).toMatchObject({ error_context: { stage: "normalize" } });
    expect(byPayload.get('{"a":[1]}')).toMatchObject({
      event_id: unmatched,
      error_context: { stage: "route" },
    });
    const dead = byPayload.get('"text"');
    expect(dead).toEqual({
      id: expect.any(String),
      tenant_id: "acme",
      connector: "api",
      endpoint: "default",
      event_id: failing,
      event_type: "order.y",
      flow_id: "f",
      run_id: runId,
      event_payload: "text",
      content_type: "application/json",
      error_message: DEAD.errorMessage,
      error_context: DEAD.errorContext,
      fingerprint: "abc",
      status: "pending",
      stage: "execute",
      retry_count: 0,
      replay_run_id: null,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect((await api.call("GET", `/tenants/acme/dlq/${(dead as { id: string }).id}`)).body).toEqual(dead);
    const [unreadable] = accepted.events;
    const { data, timeline } = (await api.call("GET", `${EVENTS}/${unreadable?.eventId}`)).body;
    expect([data, timeline[1]]).toEqual([
      null,
      expect.objectContaining({ stage: "normalize", what: "unreadable" }),
    ]);
  });

  test("dead letters are found by every filter, and across tenants by an admin", async () => {
    const api = await withFlow();
    await api.call("PUT", "/tenants/other", {});
    const [ping, order] = [
      await post(api, { type: "ping", connector: "shop" }),
      await post(api, { type: "order.a" }),
    ];
    const foreign = (await api.call("POST", "/tenants/other/events", { type: "x", data: {} })).body.event_id;
    await route(api.database, [ping, order, foreign]);
    const [runId] = await idsOf(api, "/tenants/acme/runs");
    await attempt(api, runId as string, DEAD);
    const eventsOf = async (path: string) =>
      (await api.call("GET", path)).body.items.map((item: { event_id: string }) => item.event_id);
    const cases: [filter: string, events: string[]][] = [
      ["flow=f", [order]],
      ["connector=shop", [ping]],
      ["stage=route", [ping]],
      ["stage=execute", [order]],
      ["status=pending", [order, ping]],
      ["status=replayed", []],
      ["fingerprint=abc", [order]],
      ["since=2999-01-01T00:00:00Z", []],
      ["until=2999-01-01T00:00:00Z", [order, ping]],
    ];
    for (const [filter, events] of cases) {
      expect([filter, await eventsOf(`/tenants/acme/dlq?${filter}`)]).toEqual([filter, events]);
    }
    expect(new Set(await eventsOf("/dlq"))).toEqual(new Set([ping, order, foreign]));
    expect(await eventsOf("/dlq?connector=shop")).toEqual([ping]);
    const first = (await api.call("GET", "/dlq?limit=2")).body;
    expect(await eventsOf(`/dlq?limit=2&cursor=${first.next_cursor}`)).toHaveLength(1);
  });
});
