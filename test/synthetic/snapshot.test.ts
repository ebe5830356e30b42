import { describe, expect, test } from "vitest";
import { writeJson } from "../../src/domain/json/exact-number.ts";
import { readJson } from "../../src/domain/json/parse-text.ts";
import { sql } from "../../src/postgres/core/sql.ts";
import { pages, polling, rows } from "../support/polling.ts";

/** Ends like a provider that fails after some pages. */
const FAILED = { kind: "failed", code: "http_error", message: "500", retryAfterMs: undefined } as const;

describe("a polled source", () => {
  test("a silent baseline is followed by one event per change", async () => {
    const source = await polling();
    expect(await source.poll(pages(rows(250)))).toMatchObject({
      status: "ok",
      complete: true,
      records: 250,
      first: true,
      events: [],
    });
    const next = rows(250, 1).map((row) => ({ ...row, value: row.id === 7 ? 2 : 1 }));
    expect(await source.poll(pages(next))).toMatchObject({
      status: "ok",
      created: 1,
      updated: 1,
      deleted: 1,
      first: false,
      events: ["updated 7", "created 250", "deleted 0"],
    });
    expect((await source.poll(pages(next))).events).toEqual([]);
  });

  test("events have the changed fields, the deleted record, and final_state_unknown", async () => {
    const source = await polling({ updatedAt: "at" });
    await source.poll(pages([{ id: 1, total: 5, at: "2026-01-01T00:00:00Z", tags: ["x"] }, { id: "1" }]));
    await source.poll(pages([{ id: 1, total: 7, at: "2026-01-02T00:00:00Z", tags: ["x"], note: "n" }]));
    const [updated, deleted] = await source.events();
    expect(updated).toMatchObject({
      type: "order.updated",
      subject: "1",
      data: { id: 1, total: 7, note: "n" },
      synthetic: {
        changes: {
          "/total": { from: 5, to: 7 },
          "/note": { to: "n" },
          "/at": { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" },
        },
      },
    });
    expect(deleted).toMatchObject({ type: "order.deleted", subject: "1", data: { id: "1" }, synthetic: {} });
    source.source = { ...source.source, diff: "none" };
    await source.poll(pages([{ id: 2 }]));
    const [, , created, gone] = await source.events();
    expect(created).toMatchObject({ type: "order.created", data: { id: 2 } });
    expect(gone).toMatchObject({ data: { id: 1 }, synthetic: { finalStateUnknown: true } });
  });

  test("a change in the last digits of a number is an event with the digits that came", async () => {
    const source = await polling();
    const page = (total: string) => pages([readJson(`{"id":1,"total":${total},"rate":0.1000}`), { id: 2 }]);
    await source.poll(page("12345678901234567.89"));
    expect((await source.poll(page("12345678901234567.890"))).events).toEqual([]);
    expect((await source.poll(page("12345678901234567.12"))).events).toEqual(["updated 1"]);
    expect((await source.poll(pages([{ id: 2 }]))).events).toEqual(["deleted 1"]);
    const [updated, deleted] = await source.database.pipeline.query<{ data: string; detail: string }>(
      sql`SELECT convert_from(payload, 'UTF8') AS data, synthetic::text AS detail FROM events ORDER BY id`,
    );
    expect(updated?.data).toBe('{"id":1,"total":12345678901234567.12,"rate":0.1000}');
    expect(updated?.detail).toContain('{"/total":{"from":12345678901234567.89,"to":12345678901234567.12}}');
    expect(deleted?.data).toBe(updated?.data);
    const [shown] = await source.events();
    expect(writeJson(shown?.synthetic)).toBe(updated?.detail);
  });

  test("updates name the changed fields when only digests are kept", async () => {
    const source = await polling({ diff: "fields" });
    await source.poll(pages([{ id: 1, a: { b: 1, c: 1 } }]));
    await source.poll(pages([{ id: 1, a: { b: 2, c: 1 } }]));
    expect((await source.events())[0]?.synthetic).toEqual({ changes: { "/a/b": { truncated: true } } });
  });

  test("unchanged pages are not parsed and their records still count as seen", async () => {
    const source = await polling();
    await source.poll(pages(rows(500)));
    source.read = { pages: 0, unchanged: 0 };
    expect(await source.poll(pages(rows(500)))).toMatchObject({ records: 500, complete: true, events: [] });
    expect(source.read).toEqual({ pages: 5, unchanged: 5 });
    const changed = rows(500).map((row) => ({ ...row, value: row.id === 250 ? 2 : 1 }));
    expect((await source.poll(pages(changed))).events).toEqual(["updated 250"]);
    expect(source.read).toEqual({ pages: 10, unchanged: 9 });
    // The page equals that of two polls ago but not that of the last poll.
    expect((await source.poll(pages(rows(500)))).events).toEqual(["updated 250"]);
    expect((await source.poll(pages(rows(400)))).status).toBe("held");
    expect((await source.poll(pages(rows(495)))).events).toHaveLength(5);
  });

  test("baseline emit reports all records over several commits", async () => {
    const source = await polling({ baseline: "emit" }, { maxStagedRecords: 64, maxPendingRecords: 100 });
    const { created, events } = await source.poll(pages(rows(500)));
    expect([created, new Set(events).size]).toEqual([500, 500]);
    expect((await source.poll(pages(rows(501)))).events).toEqual(["created 500"]);
  });

  test("an incomplete snapshot reports its changes and deletes nothing", async () => {
    const source = await polling();
    await source.poll(pages(rows(300)));
    const changed = rows(301).map((row) => ({ ...row, value: 2 }));
    const partly = await source.poll([...pages(changed).slice(0, 1), "failed"]);
    expect(partly).toMatchObject({ status: "degraded", complete: false, updated: 100, deleted: 0 });
    expect(await source.poll(pages(changed).slice(0, 2), { end: FAILED })).toMatchObject({
      status: "degraded",
      updated: 100,
      error: { code: "http_error" },
    });
    expect(await source.poll(["failed"])).toMatchObject({ status: "error", records: 0 });
    expect(await source.poll(pages(changed))).toMatchObject({ status: "ok", created: 1, updated: 100 });
  });

  test("an interrupted baseline continues without reporting records it had not reached", async () => {
    const source = await polling();
    expect(await source.poll([...pages(rows(200)), "failed"])).toMatchObject({
      status: "degraded",
      events: [],
    });
    const next = rows(400).map((row) => ({ ...row, value: row.id === 3 ? 2 : 1 }));
    expect(await source.poll(pages(next))).toMatchObject({ status: "ok", events: ["updated 3"] });
    expect((await source.poll(pages([...next, { id: 400 }]))).events).toEqual(["created 400"]);
  });

  test("the newer of two sightings counts, without flapping", async () => {
    const source = await polling({ updatedAt: "at" });
    await source.poll(pages([{ id: 1, at: 5, v: 1 }]));
    const twice = [{ records: [{ id: 1, at: 7, v: 2 }] }, { records: [{ id: 1, at: 5, v: 1 }] }];
    expect((await source.poll(twice)).events).toEqual(["updated 1"]);
    expect((await source.poll(twice)).events).toEqual([]);
  });

  test("changed options rehash the records without events", async () => {
    const source = await polling();
    const at = (etag: number) => rows(300).map((row) => ({ ...row, etag }));
    await source.poll(pages(at(1)));
    source.source = { ...source.source, version: "1.2", records: { id: "id", ignore: ["/etag"] } };
    expect((await source.poll(pages([...at(2), { id: 300 }]))).events).toEqual(["created 300"]);
    expect((await source.poll(pages([...at(3), { id: 300 }]))).events).toEqual([]);
    source.source = { ...source.source, version: "1.3", records: { id: ["id", "value"] }, baseline: "emit" };
    expect((await source.poll(pages(rows(300)))).events).toEqual([]);
    expect((await source.poll(pages(rows(301)))).events).toEqual(["created [300,1]"]);
  });

  test("a deletion is reported after confirm_polls complete polls", async () => {
    const source = await polling({ deletions: { ...DELETIONS, confirmPolls: 2 } });
    await source.poll(pages(rows(3)));
    expect((await source.poll(pages(rows(2)))).events).toEqual([]);
    expect((await source.poll(pages(rows(3)))).events).toEqual([]);
    expect((await source.poll(pages(rows(2)))).events).toEqual([]);
    expect((await source.poll([...pages(rows(1)), "failed"])).events).toEqual([]);
    expect((await source.poll(pages(rows(2)))).events).toEqual(["deleted 2"]);
    expect((await source.poll(pages(rows(2)))).events).toEqual([]);
    expect((await source.poll(pages(rows(3)))).events).toEqual(["restored 2"]);
  });

  test("a record too large for an event is truncated and still compared", async () => {
    const source = await polling({}, { maxRecordBytes: 10_000 });
    const large = (end: string) => [{ id: 1, text: `${"x".repeat(20_000)}${end}` }];
    await source.poll(pages(large("a")));
    await source.poll(pages(large("b")));
    expect(await source.events()).toMatchObject([
      { type: "order.updated", data: { id: 1 }, synthetic: { truncated: true } },
    ]);
  });

  test("ids and texts that PostgreSQL cannot store are replaced, and schema changes are suggested", async () => {
    const source = await polling({ updatedAt: "at" });
    const odd = ["nul \0", "lone \ud800", "", "\u00e9", "e\u0301", "x".repeat(2_000)];
    await source.poll(pages(odd.map((id) => ({ id, at: 1e300 }))));
    const { events, status } = await source.poll(pages(odd.map((id) => ({ id, added: "\0\ud800" }))));
    expect([status, events.length]).toEqual(["ok", 6]);
    const [poll] = await source.database.pipeline.query({
      text: "SELECT suggestions FROM polls ORDER BY id DESC LIMIT 1",
    });
    expect(poll).toEqual({ suggestions: { new_fields: ["/added"] } });
  });

  test("a changed account does not delete records", async () => {
    const source = await polling();
    await source.poll(pages(rows(20)));
    const fetch = { kind: "code", handler: "memory", params: { account: "2" }, credentials: {} } as const;
    source.source = { ...source.source, fetch, version: "2.1" };
    expect(await source.poll(pages(rows(15)))).toMatchObject({ status: "degraded", deleted: 0 });
    expect(await source.poll(pages(rows(15)))).toMatchObject({ status: "ok", deleted: 5 });
  });

  test.each([{ records: [] }, { records: [], total: 0 }])(
    "an empty list is a baseline, after which the first record is reported (%o)",
    async (empty) => {
      const source = await polling();
      expect(await source.poll([empty])).toMatchObject({ status: "ok", complete: true, events: [] });
      expect((await source.poll([{ records: [{ id: 1 }] }])).events).toEqual(["created 1"]);
    },
  );

  test("an unconfirmed empty response deletes nothing, a confirmed one does", async () => {
    const source = await polling();
    await source.poll([{ records: [], total: 0 }]);
    expect((await source.poll(pages(rows(3)))).events).toHaveLength(3);
    expect(await source.poll([{ records: [] }])).toMatchObject({ status: "degraded", events: [] });
    expect(await source.poll([{ records: [], total: 0 }])).toMatchObject({ status: "ok", deleted: 3 });
  });
});

const DELETIONS = { enabled: true, confirmPolls: 1, graceMs: 0, maxFraction: 0.1, maxCount: 10 };
