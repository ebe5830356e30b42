import { describe, expect, test } from "vitest";
import { insertTenant, migratedDatabase } from "../../../test/support/database.ts";
import { insertSource } from "../../../test/support/polled-source.ts";
import { deleteTenant } from "../access/tenants.ts";
import type { Database } from "../core/database.ts";
import { createKeyRing } from "../core/key-ring.ts";
import { findSchedules, requestPoll } from "./poll-requests.ts";
import { listOverdue, listSchedules, measureDue, sumDemand, syncSchedules } from "./schedule-sync.ts";
import {
  type EndedPoll,
  endPolls,
  releasePolls,
  renewPolls,
  type TakenPoll,
  takePolls,
} from "./schedules.ts";
import { deleteSource } from "./sources.ts";
import { beginPoll } from "./states.ts";

const KEY_RING = createKeyRing(`k1:${Buffer.alloc(32, 7).toString("base64")}`);
const NAME = { tenantId: "acme", source: "orders" };
const LEASE_MS = 60_000;

async function setUp(source: Partial<Parameters<typeof insertSource>[2]> = {}) {
  const { database } = await migratedDatabase();
  const put = (over: Partial<Parameters<typeof insertSource>[2]> = {}) =>
    insertSource(database, KEY_RING, {
      connectorSource: { request: { url: "https://shop.example" } },
      ...source,
      ...over,
    });
  await put();
  await syncSchedules(database.pipeline, { since: 0, limit: 100 });
  return { database, put };
}

async function take(database: Database, leaseMs = LEASE_MS) {
  return await takePolls(database.pipeline, [NAME], leaseMs);
}

function ended(poll: TakenPoll, over: Partial<EndedPoll> = {}): EndedPoll {
  return {
    ...poll,
    waitMs: 300_000,
    policyState: { learned: 1 },
    demand: 0.5,
    reasons: ['It is "quiet".'],
    outcome: { id: poll.pollId, status: "ok", finished_at: new Date(0).toISOString() },
    failures: 0,
    okSinceMs: 10,
    heldMs: { limit: undefined, source: undefined },
    rateLimit: undefined,
    ...over,
  };
}

const request = (database: Database) =>
  database.withTenant("acme", (transaction) => requestPoll(transaction, NAME));

describe("a schedule", () => {
  test("syncSchedules creates the schedule of a new source once, due at once", async () => {
    const { database } = await setUp();
    expect(
      await listSchedules(database.pipeline, { after: { tenantId: "", source: "" }, limit: 10 }),
    ).toEqual([{ ...NAME, waitMs: 0 }]);
    expect(await syncSchedules(database.pipeline, { since: 0, limit: 100 })).toEqual([]);
    expect(await listOverdue(database.pipeline, { lateMs: 0, limit: 10 })).toHaveLength(1);
    expect((await measureDue(database.pipeline, 10)).due).toBe(1);
  });

  test("takePolls claims a source once, and again with a higher fence after the lease expired", async () => {
    const { database } = await setUp();
    const first = (await take(database, 50)).taken[0] as TakenPoll;
    expect(first).toMatchObject({ ...NAME, connector: "shop", limiter: "acme", requested: false });
    let next = await take(database);
    expect(next.taken.length === 1 || (next.untaken[0]?.waitMs ?? 0) <= 50).toBe(true);
    while (next.taken.length === 0) next = await take(database);
    const second = next.taken[0] as TakenPoll;
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await renewPolls(database.pipeline, [first, second], LEASE_MS)).toEqual(new Set([second.fence]));
    expect((await endPolls(database.pipeline, [ended(first)])).size).toBe(0);
    expect((await take(database)).taken).toEqual([]);
    expect((await endPolls(database.pipeline, [ended(second)])).get(second.fence)).toBeGreaterThan(299_000);
    expect((await take(database)).untaken[0]?.waitMs).toBeGreaterThan(299_000);
  });

  test("endPolls stores the policy's state and the reasons for the interval", async () => {
    const { database } = await setUp();
    const [poll] = (await take(database)).taken;
    const error = { code: "http_500", message: "It answered 500" };
    await endPolls(database.pipeline, [
      ended(poll as TakenPoll, {
        waitMs: 0,
        failures: 2,
        outcome: { id: "x", status: "error", finished_at: "", error },
        rateLimit: { limit: 100, remaining: 7, resetS: 60 },
      }),
    ]);
    expect(await sumDemand(database.pipeline)).toEqual({ sources: 1, demand: 0.5, known: 1 });
    const [shown] = await database.withTenant("acme", (t) => findSchedules(t, "acme", ["orders"]));
    expect(shown).toMatchObject({
      reasons: ['It is "quiet".'],
      failures: 2,
      lastError: error,
      heldUntil: undefined,
      quota: { limit: 100, remaining: 7 },
    });
    const again = (await take(database)).taken[0];
    expect(again).toMatchObject({ policyState: { learned: 1 }, failures: 2 });
    expect(again?.sinceOkMs).toBeGreaterThanOrEqual(10);
  });

  test("releasePolls makes a claimed source due again", async () => {
    const { database } = await setUp();
    const [poll] = (await take(database)).taken;
    await releasePolls(database.pipeline, [{ ...(poll as TakenPoll), waitMs: 0 }]);
    expect((await take(database)).taken).toHaveLength(1);
  });

  test("endPolls holds all sources that share a limit until the provider's time, and no others", async () => {
    const { database, put } = await setUp({
      connectorSource: {
        request: { url: "https://shop.example" },
        rate_limit: { requests: 5, per_seconds: 1, shared: true },
      },
    });
    await put({ tenantId: "globex" });
    await put({ tenantId: "globex", source: "others", connector: "crm" });
    await syncSchedules(database.pipeline, { since: 0, limit: 100 });
    const names = [NAME, { tenantId: "globex", source: "orders" }, { tenantId: "globex", source: "others" }];
    const [poll] = (await take(database)).taken;
    await endPolls(database.pipeline, [
      ended(poll as TakenPoll, { waitMs: 0, heldMs: { limit: 30_000, source: undefined } }),
    ]);
    const { taken, untaken } = await takePolls(database.pipeline, names, LEASE_MS);
    expect(taken.map((one) => one.source)).toEqual(["others"]);
    const waits = untaken.map((one) => one.waitMs ?? 0);
    expect(waits).toHaveLength(2);
    expect(Math.min(...waits)).toBeGreaterThan(25_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(35_000);
    expect(await listOverdue(database.pipeline, { lateMs: 0, limit: 10 })).toEqual([]);
    expect(await request(database)).toMatchObject({ kind: "held" });
  });

  test("a schedule ends with its source and pauses while the source is disabled", async () => {
    const { database, put } = await setUp();
    await put({ enabled: false });
    expect(await take(database)).toEqual({ taken: [], untaken: [{ ...NAME, waitMs: undefined }] });
    expect((await measureDue(database.pipeline, 10)).due).toBe(0);
    expect(await request(database)).toEqual({ kind: "disabled" });
    await put({ enabled: true });
    expect(await syncSchedules(database.pipeline, { since: 0, limit: 100 })).toEqual([
      { ...NAME, waitMs: 0 },
    ]);
    const [poll] = (await take(database)).taken;
    await database.transaction((transaction) => deleteSource(transaction, NAME));
    expect((await endPolls(database.pipeline, [ended(poll as TakenPoll)])).size).toBe(0);
    expect((await take(database)).untaken).toEqual([{ ...NAME, waitMs: undefined }]);
    expect(await request(database)).toBeUndefined();
  });

  test("a schedule ends with its tenant", async () => {
    const { database } = await setUp();
    await database.transaction((transaction) => deleteTenant(transaction, "acme"));
    expect((await take(database)).untaken).toEqual([{ ...NAME, waitMs: undefined }]);
  });

  test("a schedule is due at once when its source changes, even during a poll", async () => {
    const { database, put } = await setUp();
    const [poll] = (await take(database)).taken;
    await put({ definition: { base_interval_seconds: 60 } });
    expect(await syncSchedules(database.pipeline, { since: 0, limit: 100 })).toHaveLength(1);
    expect(
      (await endPolls(database.pipeline, [ended(poll as TakenPoll)])).get((poll as TakenPoll).fence),
    ).toBe(0);
    expect((await take(database)).taken).toHaveLength(1);
  });
});

describe("requestPoll", () => {
  test("requestPoll makes the next poll due at once despite back-off, and a repeated request joins it", async () => {
    const { database } = await setUp();
    const [first] = (await take(database)).taken;
    await endPolls(database.pipeline, [ended(first as TakenPoll, { failures: 9 })]);
    const asked = await request(database);
    expect(asked).toMatchObject({ kind: "requested", isRunning: false });
    expect(await request(database)).toEqual(asked);
    const [poll] = (await take(database)).taken;
    expect(poll).toMatchObject({ pollId: (asked as { pollId: string }).pollId, requested: true });
    expect(await request(database)).toEqual({ kind: "requested", pollId: poll?.pollId, isRunning: true });
    await endPolls(database.pipeline, [ended(poll as TakenPoll)]);
    expect((await take(database)).taken).toEqual([]);
  });

  test("requestPoll starts another poll right after one whose outcome is stored", async () => {
    const { database } = await setUp();
    const [first] = (await take(database)).taken;
    const { fence, pollId } = first as TakenPoll;
    await beginPoll(database.pipeline, { ...NAME, fence, pollId });
    expect(await request(database)).toEqual({ kind: "requested", pollId, isRunning: true });
    await database.pipeline.query({ text: "UPDATE polls SET status = 'ok' WHERE id = $1", values: [pollId] });
    const asked = await request(database);
    expect(asked).toMatchObject({ kind: "requested", isRunning: false });
    const next = (asked as { pollId: string }).pollId;
    expect(next).not.toBe(pollId);
    expect((await endPolls(database.pipeline, [ended(first as TakenPoll)])).get(fence)).toBe(0);
    expect((await take(database)).taken).toMatchObject([{ pollId: next }]);
  });

  test("requestPoll works without a schedule and keeps its poll id when the poller crashes", async () => {
    const { database, put } = await setUp();
    await put({ source: "young" });
    const name = { tenantId: "acme", source: "young" };
    const asked = await database.withTenant("acme", (transaction) => requestPoll(transaction, name));
    const [dead] = (await takePolls(database.pipeline, [name], 1)).taken;
    let next = await takePolls(database.pipeline, [name], LEASE_MS);
    while (next.taken.length === 0) next = await takePolls(database.pipeline, [name], LEASE_MS);
    expect([dead?.pollId, next.taken[0]?.pollId]).toEqual([
      (asked as { pollId: string }).pollId,
      (asked as { pollId: string }).pollId,
    ]);
  });
});

test("row-level security hides schedules and limits of other tenants", async () => {
  const { database } = await setUp();
  await insertTenant(database, "globex");
  const [poll] = (await take(database)).taken;
  await endPolls(database.pipeline, [
    ended(poll as TakenPoll, { heldMs: { limit: 1_000, source: undefined } }),
  ]);
  const rows = (tenant: string, table: string) =>
    database.withTenant(tenant, (transaction) => transaction.query({ text: `SELECT 1 FROM ${table}` }));
  for (const table of ["source_schedules", "source_limits"]) {
    expect(await rows("acme", table)).toHaveLength(1);
    expect(await rows("globex", table)).toHaveLength(0);
  }
});
