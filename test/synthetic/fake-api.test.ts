import { describe, expect, onTestFinished, test } from "vitest";
import type { PolledSource } from "../../src/synthetic/sources/polled-source.ts";
import {
  type FakeApi,
  type FakePagination,
  type Fault,
  fakeOrders,
  startFakeApi,
} from "../support/fake-api.ts";
import { fetching, httpPlan } from "../support/fetching.ts";
import { type Polling, polling } from "../support/polling.ts";

const PAGINATIONS: FakePagination[] = ["none", "page", "offset", "cursor", "link", "next_url"];

/** Starts a fake API with 25 orders in pages of 10, and a source that reads it as its connector says. */
async function polledApi(
  pagination: FakePagination,
  over: Partial<PolledSource> = {},
): Promise<{ api: FakeApi; source: Polling }> {
  const api = await startFakeApi(fakeOrders(25));
  onTestFinished(() => api.close());
  const source = await polling({
    fetch: httpPlan(api, api.source(pagination)),
    updatedAt: "updated_at",
    ...over,
  });
  source.fetchPages = fetching({ now: () => source.nowMs }).of;
  return { api, source };
}

describe.each(PAGINATIONS)("API with the pagination %s", (pagination) => {
  test("reports an API's changes one by one and parses nothing while it is unchanged", async () => {
    const { api, source } = await polledApi(pagination);
    api.validators = "both";
    api.gzip = true;
    expect(await source.poll()).toMatchObject({ status: "ok", complete: true, records: 25, events: [] });
    expect(await source.poll()).toMatchObject({ status: "ok", complete: true, records: 25, events: [] });
    expect(api.pages().some(({ status }) => status === 304)).toBe(true);
    api.records.update(12, { status: "paid" });
    api.records.insert({ id: "new", total: 1 }, "head");
    api.records.delete(3);
    const { events, status } = await source.poll();
    expect([status, events.toSorted()]).toEqual(["ok", ["created new", "deleted 3", "updated 12"]]);
    expect((await source.events()).find(({ subject }) => subject === "12")?.synthetic).toMatchObject({
      changes: { "/status": { from: "open", to: "paid" } },
    });
    expect((await source.poll()).events).toEqual([]);
    api.records.insert({ id: 3, total: 1 });
    expect((await source.poll()).events).toEqual(["restored 3"]);
  });

  test("faults in an API's pages delete nothing and miss nothing", async () => {
    const { api, source } = await polledApi(pagination);
    await source.poll();
    const faults: Fault[] = [
      ...[{ kind: "rate_limited", retryAfter: "7" } as const, { kind: "status", status: 500 } as const],
      ...(["html", "empty_body", "cut_json", "cut_body", "reset"] as const).map((kind) => ({ kind })),
      ...(pagination === "link" ? [] : [{ kind: "missing_key" } as const]),
      // An offset follows from the records received; the other paginations name the next page.
      ...(["none", "page"].includes(pagination) ? [{ kind: "short", records: 3 } as const] : []),
      ...(["cursor", "link", "next_url"].includes(pagination) ? [{ kind: "same_next" } as const] : []),
      ...(pagination === "none" ? [{ kind: "empty" } as const] : []),
    ];
    for (const [index, fault] of faults.entries()) {
      api.records.update(1, { total: index });
      // Records the last requested page, so that the others can be derived from it.
      let asked = 0;
      api.fault = () => {
        asked += 1;
        const faulty = pagination === "none" ? 1 : 3;
        // A request on a reused connection that is reset is sent once more, on a new one.
        return asked === faulty || (fault.kind === "reset" && asked > faulty) ? fault : undefined;
      };
      const broken = await source.poll();
      api.fault = () => undefined;
      expect({ fault, complete: broken.complete, deleted: broken.deleted, created: broken.created }).toEqual({
        fault,
        complete: false,
        deleted: 0,
        created: 0,
      });
      expect(broken.status).toBe(
        fault.kind === "rate_limited"
          ? "rate_limited"
          : pagination === "none" && !["short", "empty"].includes(fault.kind)
            ? "error"
            : "degraded",
      );
      if (fault.kind === "rate_limited") expect(broken.notBeforeMs).toBeGreaterThan(broken.startedAtMs);
      const whole = await source.poll();
      expect({ fault, status: whole.status, updated: broken.updated + whole.updated }).toEqual({
        fault,
        status: "ok",
        updated: 1,
      });
    }
  });
});

describe("API with records that move during a poll", () => {
  test.each(["page", "offset", "link"] as const)(
    "records shifted between pages by %s are not deleted",
    async (pagination) => {
      const { api, source } = await polledApi(pagination, {
        deletions: { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 1, maxCount: 100 },
      });
      await source.poll();
      // A record of the first page is deleted once that was read, so the next page begins one record too late.
      api.afterPage = () => {
        api.afterPage = () => {};
        api.records.delete(3);
      };
      const shifted = await source.poll();
      expect(shifted.deleted).toBe(0);
      if (pagination !== "link") expect(shifted).toMatchObject({ status: "degraded", complete: false });
      const calm = [await source.poll(), await source.poll()].flatMap(({ events }) => events);
      expect(calm).toEqual(["deleted 3"]);
    },
  );

  test("the newer sighting by the API's own clock counts", async () => {
    const { api, source } = await polledApi("page");
    await source.poll();
    for (const skewMs of [-600_000, 600_000]) {
      api.skewMs = skewMs;
      // The last record of the first page changes and moves to the second.
      api.afterPage = (page) => {
        if (page !== 1) return;
        api.records.update(api.records.all()[9]?.id ?? "", { total: skewMs });
        api.records.insert({ id: `new ${skewMs}` }, "head");
      };
      const moved = await source.poll();
      api.afterPage = () => {};
      const calm = await source.poll();
      const events = [...moved.events, ...calm.events].map((event) => event.replace(/\d+$/, ""));
      expect(events.toSorted()).toEqual([`created new ${skewMs}`.replace(/\d+$/, ""), "updated "]);
    }
  });

  test("drift over 25 pages of 1 KiB records deletes nothing", async () => {
    const { api, source } = await polledApi("cursor");
    for (let id = 100; id < 325; id += 1) api.records.insert({ id, text: "x".repeat(1_000) });
    expect(await source.poll()).toMatchObject({ status: "ok", records: 250, events: [] });
    api.records.update(324, { text: "y".repeat(1_000) });
    expect((await source.poll()).events).toEqual(["updated 324"]);
  });
});
