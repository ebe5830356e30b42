import { describe, expect, test } from "vitest";
import { finishPoll, type StoredPoll } from "../../src/postgres/sources/polls.ts";
import { syncSchedules } from "../../src/postgres/sources/schedule-sync.ts";
import { endPolls, takePolls } from "../../src/postgres/sources/schedules.ts";
import { beginPoll } from "../../src/postgres/sources/states.ts";
import { until } from "../support/until.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

const SOURCE = "/tenants/acme/sources/orders";
const NAME = { tenantId: "acme", source: "orders" };
const HOLD = "01990000-0000-7000-8000-000000000000";

async function setUp() {
  const asked: string[] = [];
  const api = await serveApi({
    pollDispatch: { pollNow: ({ source }) => void asked.push(source), keptPolls: 20 },
  });
  await api.call("PUT", "/tenants/acme", {});
  await api.call("PUT", "/connectors/shop", {
    source: { request: { url: "https://shop.example/orders" }, pagination: { type: "none" } },
  });
  expect((await api.call("PUT", SOURCE, { connector: "shop", entity: "order" })).status).toBe(200);
  return { api, asked };
}

/** Acts as a poller: claims a due source and finishes its poll with the outcome. */
async function poll({ database }: ServedApi, over: Partial<StoredPoll> = {}, heldMs?: number) {
  const { taken } = await takePolls(database.pipeline, [NAME], 60_000);
  const one = taken[0];
  if (one === undefined) throw new Error("nothing is due");
  await beginPoll(database.pipeline, { ...NAME, fence: one.fence, pollId: one.pollId });
  const stored: StoredPoll = {
    id: one.pollId,
    status: "ok",
    complete: true,
    first: false,
    records: 7,
    created: 0,
    updated: 2,
    deleted: 0,
    restored: 0,
    missedByWebhook: 0,
    pages: 1,
    unchangedPages: 0,
    requests: 1,
    held: undefined,
    error: undefined,
    suggestions: undefined,
    notBeforeMs: undefined,
    rateLimit: undefined,
    startedAtMs: Date.now(),
    finishedAtMs: Date.now(),
    ...over,
  };
  await finishPoll(database.pipeline, NAME, stored, 20);
  await endPolls(database.pipeline, [
    {
      ...one,
      waitMs: 60_000,
      policyState: {},
      demand: 1,
      okSinceMs: 0,
      failures: stored.status === "error" ? 3 : 0,
      reasons: ["The next poll comes 60 s after the last."],
      outcome: {
        id: one.pollId,
        status: stored.status,
        finished_at: new Date().toISOString(),
        ...(stored.error !== undefined && { error: stored.error }),
      },
      heldMs: { limit: heldMs, source: undefined },
      rateLimit: { limit: 100, remaining: 40, resetS: 60 },
    },
  ]);
  return one.pollId;
}

describe("a poll that is asked for", () => {
  test("a requested poll returns its id, is announced once, and is joined by further requests", async () => {
    const { api, asked } = await setUp();
    const first = await api.call("POST", `${SOURCE}/poll`);
    expect(first).toMatchObject({ status: 202, body: { poll_id: expect.any(String) } });
    expect((await api.call("POST", `${SOURCE}/poll`)).body).toEqual(first.body);
    expect(asked).toEqual(["orders", "orders"]);
    const path = `${SOURCE}/polls/${first.body.poll_id}`;
    expect((await api.call("GET", path)).status).toBe(404);
    expect(await poll(api)).toBe(first.body.poll_id);
    expect((await api.call("GET", path)).body).toMatchObject({
      status: "ok",
      records: 7,
      updated: 2,
      complete: true,
    });
  });

  test("a poll requested with wait=true returns its outcome", async () => {
    const { api, asked } = await setUp();
    const waiting = api.call("POST", `${SOURCE}/poll?wait=true`);
    await until("it is asked for", () => asked.length > 0);
    const id = await poll(api, { status: "held", deleted: 0, held: { id: HOLD, count: 40 } });
    expect(await waiting).toMatchObject({ status: 200, body: { id, status: "held", held: { count: 40 } } });
  });

  test("a requested poll is rate_limited at once until the Retry-After has ended", async () => {
    const { api, asked } = await setUp();
    await syncSchedules(api.database.pipeline, { since: 0, limit: 10 });
    await poll(api, { status: "rate_limited" }, 30_000);
    const answer = await api.call("POST", `${SOURCE}/poll?wait=true`);
    expect(answer).toMatchObject({
      status: 200,
      body: { status: "rate_limited", records: 0, complete: false },
    });
    expect(answer.body.error.message).toMatch(/another (29|30) s/);
    expect((await api.call("GET", `${SOURCE}/polls/${answer.body.id}`)).body).toEqual(answer.body);
    const later = await api.call("POST", `${SOURCE}/poll`);
    expect(later.status).toBe(202);
    expect((await api.call("GET", `${SOURCE}/polls/${later.body.poll_id}`)).body.status).toBe("rate_limited");
    expect(asked).toEqual([]);
  });

  test("a poll is rejected for a source that is unknown, disabled or another tenant's", async () => {
    const { api } = await setUp();
    expect((await api.call("POST", "/tenants/acme/sources/none/poll")).status).toBe(404);
    await api.call("PUT", SOURCE, { connector: "shop", entity: "order", enabled: false });
    expect(await api.call("POST", `${SOURCE}/poll`)).toMatchObject({
      status: 409,
      body: { error: { code: "conflict" } },
    });
    await api.call("PUT", "/tenants/globex", {});
    expect((await api.call("POST", "/tenants/globex/sources/orders/poll")).status).toBe(404);
    expect((await api.call("POST", `${SOURCE}/poll?wait=maybe`)).status).toBe(400);
    expect((await api.call("GET", `${SOURCE}/polls/no-uuid`)).status).toBe(400);
  });
});

describe("a source", () => {
  test("a source shows its next poll with the reasons, and the outcomes of its polls", async () => {
    const { api } = await setUp();
    expect((await api.call("GET", SOURCE)).body).toMatchObject({
      state: "waiting",
      interval: null,
      last_polls: [],
    });
    await syncSchedules(api.database.pipeline, { since: 0, limit: 10 });
    const id = await poll(api);
    const { body } = await api.call("GET", SOURCE);
    expect(body).toMatchObject({
      state: "ok",
      overdue: false,
      failures: 0,
      last_error: null,
      held_until: null,
      held: null,
      interval: { seconds: 60, reasons: ["The next poll comes 60 s after the last."] },
      quota: { limit: 100, remaining: 40 },
      last_polls: [{ id, status: "ok" }],
    });
    expect(Date.parse(body.next_poll_at)).toBeGreaterThan(Date.now() + 50_000);
    expect((await api.call("GET", "/tenants/acme/sources")).body.items).toEqual([body]);
  });

  test("a failing source shows its failures and the last error", async () => {
    const { api } = await setUp();
    await syncSchedules(api.database.pipeline, { since: 0, limit: 10 });
    const error = { code: "SERVER_ERROR", message: "The provider answered 500" };
    await poll(api, { status: "error", error });
    expect((await api.call("GET", SOURCE)).body).toMatchObject({
      state: "error",
      failures: 3,
      last_error: error,
    });
    await api.call("PUT", SOURCE, { connector: "shop", entity: "order", enabled: false });
    expect((await api.call("GET", SOURCE)).body).toMatchObject({ state: "disabled", next_poll_at: null });
  });
});
