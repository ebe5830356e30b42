import { describe, expect, onTestFinished, test } from "vitest";
import {
  type FakeApi,
  type FakePagination,
  fakeOrders,
  startFakeApi,
} from "../../../test/support/fake-api.ts";
import { fetching, httpPlan, polledSource, readAll } from "../../../test/support/fetching.ts";
import type { FetchSourcePage, SourcePage } from "./code-pages.ts";
import type { FetchBounds } from "./fetch-pages.ts";
import type { FetchPages } from "./fetched-page.ts";

interface Fetcher {
  name: string;
  over(api: FakeApi, bounds?: Partial<FetchBounds>): FetchPages;
}

const HTTP = (["none", "page", "offset", "cursor", "link", "next_url"] satisfies FakePagination[]).map(
  (pagination): Fetcher => ({
    name: `${pagination} over HTTP`,
    over: (api, bounds = {}) => fetching({ bounds }).of(polledSource(httpPlan(api, api.source(pagination)))),
  }),
);

const CODE: Fetcher = {
  name: "code",
  over(api, bounds = {}) {
    const fetchPage: FetchSourcePage = async ({ cursor, params, credentials, signal }) => {
      const query = cursor === undefined ? "" : `?cursor=${cursor}`;
      const headers = { authorization: `Bearer ${credentials["token"]}` };
      const answer = await fetch(`${params["base_url"]}/cursor/orders${query}`, { headers, signal });
      if (answer.status === 429) {
        const after = answer.headers.get("retry-after");
        throw Object.assign(new Error("slow down"), {
          status: 429,
          ...(after === null ? {} : { retryAfterSeconds: Number(after) }),
        });
      }
      if (!answer.ok) throw new Error(`answered ${answer.status} to ${credentials["token"]}`);
      const { orders, ...rest } = (await answer.json()) as { orders: unknown[] } & Omit<
        SourcePage,
        "records"
      >;
      return { ...rest, records: orders };
    };
    return fetching({ sources: { shop: fetchPage }, bounds }).of(
      polledSource({
        kind: "code",
        handler: "shop",
        params: { base_url: api.url },
        credentials: { token: "t0p-s3cret" },
      }),
    );
  },
};

async function start(count: number): Promise<FakeApi> {
  const api = await startFakeApi(fakeOrders(count));
  onTestFinished(api.close);
  return api;
}

const idsTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe.each([...HTTP, CODE])("fetcher ($name)", ({ over }) => {
  test.each([0, 1, 9, 10, 11, 20, 25])(
    "reads %d records in order, each once except for overlaps",
    async (count) => {
      const api = await start(count);
      const { end, ids, pages, requests } = await readAll(over(api));
      expect(end).toEqual({ kind: "last_page" });
      expect([...new Set(ids)]).toEqual(idsTo(count));
      expect(requests).toBe(api.pages().length);
      expect(new Set(pages.map(({ ref }) => ref)).size).toBe(pages.length);
      expect(pages.map(({ memory }) => memory.records)).toEqual(pages.map(({ records }) => records?.length));
      expect(pages.slice(1).map(({ ref }) => ref)).toEqual(
        pages.slice(0, -1).map(({ memory }) => memory.next),
      );
      expect(pages.at(-1)?.memory.next).toBeUndefined();
    },
  );

  test("records when a page was requested", async () => {
    const api = await start(5);
    const before = Date.now();
    const { pages } = await readAll(over(api));
    expect(pages[0]?.readAtMs).toBeGreaterThanOrEqual(before);
    expect(pages[0]?.readAtMs).toBeLessThanOrEqual(api.requests[0]?.atMs as number);
  });

  test("sends no request that was not admitted", async () => {
    const api = await start(25);
    expect(await readAll(over(api), { admit: () => 1_500 })).toMatchObject({
      end: { kind: "rate_limited", retryAfterMs: 1_500 },
      requests: 0,
      pages: [],
    });
    expect(api.requests).toEqual([]);
  });

  test("ends as rate limited at a 429, with its Retry-After", async () => {
    const api = await start(25);
    api.failNext({ kind: "rate_limited", retryAfter: "7" });
    expect((await readAll(over(api))).end).toEqual({ kind: "rate_limited", retryAfterMs: 7_000 });
    api.failNext({ kind: "rate_limited" });
    expect((await readAll(over(api))).end).toEqual({ kind: "rate_limited", retryAfterMs: undefined });
  });

  test.each(["status", "html", "cut_json", "cut_body", "missing_key", "empty_body", "reset"] as const)(
    "fails at a response with the fault %s instead of taking it for an empty page",
    async (kind) => {
      const api = await start(25);
      api.failNext(kind === "status" ? { kind, status: 500 } : { kind });
      const { end, pages } = await readAll(over(api));
      expect(end).toMatchObject({ kind: "failed", code: expect.stringMatching(/^[A-Z_]+$/) });
      expect(JSON.stringify(end)).not.toContain("s3cret");
      expect(pages).toEqual([]);
    },
  );

  test("stops fetching at once when the poll is cancelled", async () => {
    const api = await start(25);
    api.fault = () => ({ kind: "hang" });
    const abort = new AbortController();
    const reading = readAll(over(api), { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    expect((await reading).end).toMatchObject({ kind: "failed", code: "ABORTED" });
  });

  test("fails a page that exceeds its timeout", async () => {
    const api = await start(25);
    api.fault = () => ({ kind: "hang" });
    const bounds = { pageTimeoutMs: 100, codeTimeoutMs: 100 };
    expect((await readAll(over(api, bounds))).end).toMatchObject({ kind: "failed", code: "TIMEOUT" });
  });
});

const PAGED = [...HTTP, CODE].filter(({ name }) => !name.startsWith("none"));

describe.each(PAGED)("paged fetcher ($name)", ({ over }) => {
  test("keeps the pages before a failed one", async () => {
    const api = await start(25);
    api.fault = ({ page }) => (page === 2 ? { kind: "html" } : undefined);
    const { end, pages } = await readAll(over(api));
    expect(end).toMatchObject({ kind: "failed" });
    expect(pages.length).toBeGreaterThan(0);
    expect(pages[0]?.records).toHaveLength(10);
  });

  test("fails after the maximum number of pages", async () => {
    const api = await start(55);
    const { end, pages } = await readAll(over(api, { maxPages: 3 }));
    expect([end, pages.length]).toEqual([expect.objectContaining({ code: "TOO_MANY_PAGES" }), 3]);
  });

  test("admits each request of a reading, and stops at the first refusal", async () => {
    const api = await start(25);
    let asked = 0;
    const { end, pages } = await readAll(over(api), { admit: () => (++asked > 2 ? 300 : 0) });
    expect([end, pages.length, api.pages().length]).toEqual([
      { kind: "rate_limited", retryAfterMs: 300 },
      2,
      2,
    ]);
  });
});

describe.each(PAGED.filter(({ name }) => /cursor|link|next_url|code/.test(name)))(
  "fetcher with next links ($name)",
  ({ over }) => {
    test("fails when a page names itself or an earlier page as the next", async () => {
      const api = await start(25);
      api.fault = ({ page }) => (page === 2 ? { kind: "same_next" } : undefined);
      const { end, pages } = await readAll(over(api));
      expect(end).toMatchObject({ kind: "failed", code: "PAGE_LOOP" });
      expect(pages).toHaveLength(2);
    });
  },
);
