import { createServer } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type FakeApi,
  type FakePagination,
  fakeOrders,
  startFakeApi,
} from "../../../test/support/fake-api.ts";
import { createFakeQuota } from "../../../test/support/fake-quota.ts";
import { fetching, httpPlan, polledSource, readAll } from "../../../test/support/fetching.ts";
import { serve } from "../../../test/support/local-target.ts";
import type { ConnectorSource } from "../sources/connector-source.ts";
import type { Credentials, PolledSource } from "../sources/polled-source.ts";
import type { FetchPages } from "./fetched-page.ts";

async function start(count = 25): Promise<FakeApi> {
  const api = await startFakeApi(fakeOrders(count));
  onTestFinished(api.close);
  return api;
}

function over(
  api: FakeApi,
  pagination: FakePagination,
  source: Partial<ConnectorSource> = {},
  credentials: Credentials = {},
): FetchPages {
  const plan = httpPlan(api, { ...api.source(pagination), ...source }, credentials);
  return fetching().of(polledSource(plan));
}

describe("credentials", () => {
  test.each<[string, ConnectorSource["auth"] & {}, Credentials, object]>([
    ["a bearer token", { type: "bearer" }, { token: "t" }, { authorization: "Bearer t" }],
    [
      "user and password",
      { type: "basic" },
      { username: "jö", password: "a:b" },
      { authorization: "Basic asO2OmE6Yg==" },
    ],
    [
      "a key in a header",
      { type: "api_key", name: "X-Key", prefix: "Key " },
      { key: "k" },
      { "x-key": "Key k" },
    ],
  ])("credentials are sent as %s", async (_name, auth, credentials, headers) => {
    const api = await start(5);
    await readAll(over(api, "none", { auth }, credentials));
    expect(api.requests[0]?.headers).toMatchObject(headers);
  });

  test("a key in the query is left out of page refs", async () => {
    const api = await start();
    const auth = { type: "api_key", in: "query", name: "key" } as const;
    const { memory, end } = await readAll(over(api, "link", { auth }, { key: "k-s3cret" }));
    expect(end).toEqual({ kind: "last_page" });
    expect(api.pages().map(({ query }) => query["key"])).toEqual(["k-s3cret", "k-s3cret", "k-s3cret"]);
    expect(JSON.stringify([...memory])).not.toContain("s3cret");
  });

  test("rejected credentials fail the reading", async () => {
    const api = await start();
    api.authorize = () => false;
    const { end } = await readAll(over(api, "page", { auth: { type: "bearer" } }, { token: "t0p-s3cret" }));
    expect(end).toMatchObject({ kind: "failed", code: "UNAUTHORIZED" });
    expect(JSON.stringify(end)).not.toContain("s3cret");
    api.authorize = undefined;
    api.failNext({ kind: "status", status: 403 });
    expect((await readAll(over(api, "page"))).end).toMatchObject({ code: "FORBIDDEN" });
  });

  test("credentials are sent to no other host", async () => {
    const other = await serve((_request, response) => void response.end("[]"));
    const api = await start();
    api.headers = { link: `<${other.url}/steal>; rel="next"` };
    const server = createServer((_request, response) => {
      response.setHeader("link", `<${other.url}/steal>; rel="next"`).end('[{"id":1}]');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const plan = httpPlan(api, {
      request: { url: `http://127.0.0.1:${port}/` },
      pagination: { type: "link" },
    });
    expect((await readAll(fetching().of(polledSource(plan)))).end).toMatchObject({
      code: "NEXT_PAGE_ELSEWHERE",
    });
    expect(other.connected).toBe(0);
  });
});

describe("OAuth", () => {
  const CLIENT = { client_id: "id", client_secret: "secret" };

  function oauth(api: FakeApi, grant: "client_credentials" | "refresh_token", body = false) {
    const auth = {
      type: "oauth2",
      grant,
      token_url: `${api.url}/oauth/token`,
      scope: "read",
      ...(body && { client_auth: "body" as const }),
    } as const;
    const credentials = { ...CLIENT, ...(grant === "refresh_token" && { refresh_token: "refresh-1" }) };
    return httpPlan(api, { ...api.source("page"), auth }, credentials);
  }

  const tokenRequests = (api: FakeApi) => api.requests.filter(({ path }) => path === "/oauth/token");

  test.each([false, true])(
    "uses one OAuth token for many pages and readings (client in the body: %s)",
    async (body) => {
      const api = await start();
      api.authorize = api.oauth.authorize;
      const pages = fetching().of(polledSource(oauth(api, "client_credentials", body)));
      expect((await readAll(pages)).end).toEqual({ kind: "last_page" });
      const second = await readAll(pages);
      expect([second.end, second.requests]).toEqual([{ kind: "last_page" }, 3]);
      expect(tokenRequests(api)).toHaveLength(1);
      expect(tokenRequests(api)[0]?.body).toContain("scope=read");
    },
  );

  test("renews a rejected OAuth token once per page", async () => {
    const api = await start();
    api.authorize = api.oauth.authorize;
    api.afterPage = (page) => void (page === 1 && api.oauth.revoke());
    const pages = fetching().of(polledSource(oauth(api, "client_credentials")));
    expect((await readAll(pages)).end).toEqual({ kind: "last_page" });
    expect(tokenRequests(api)).toHaveLength(2);
    api.authorize = () => false;
    expect((await readAll(pages)).end).toMatchObject({ code: "UNAUTHORIZED" });
    expect(tokenRequests(api)).toHaveLength(3);
  });

  test("renews an OAuth token before it expires, and after a PUT of the source", async () => {
    const api = await start(5);
    api.authorize = api.oauth.authorize;
    let nowMs = Date.now();
    const { of } = fetching({ now: () => nowMs });
    const plan = oauth(api, "client_credentials");
    await readAll(of(polledSource(plan)));
    nowMs += 3_500_000;
    await readAll(of(polledSource(plan)));
    expect(tokenRequests(api)).toHaveLength(1);
    nowMs += 50_000;
    await readAll(of(polledSource(plan)));
    expect(tokenRequests(api)).toHaveLength(2);
    await readAll(of(polledSource(plan, { version: "2.1" })));
    expect(tokenRequests(api)).toHaveLength(3);
  });

  test("stores a rotated refresh token and uses it from then on", async () => {
    const api = await start(5);
    api.authorize = api.oauth.authorize;
    api.oauth.rotates = true;
    const saved: Credentials[] = [];
    let fails = true;
    const { of, errors } = fetching({
      saveCredentials: async (_source: PolledSource, credentials) => {
        if (fails) throw new Error("the store is away");
        saved.push(credentials);
      },
    });
    const source = polledSource(oauth(api, "refresh_token"));
    expect((await readAll(of(source))).end).toEqual({ kind: "last_page" });
    expect([saved, errors.length]).toEqual([[], 1]);
    fails = false;
    await readAll(of(source));
    expect(saved).toEqual([{ ...CLIENT, refresh_token: "refresh-2" }]);
    api.oauth.revoke();
    // The source still has the credentials from before the rotation.
    expect((await readAll(of(source))).end).toEqual({ kind: "last_page" });
    expect(saved.at(-1)).toEqual({ ...CLIENT, refresh_token: "refresh-3" });
    expect(saved).toHaveLength(2);
  });

  test("reports why no OAuth token was issued, without secrets", async () => {
    const api = await start(5);
    const plan = oauth(api, "refresh_token");
    const endWith = async (refuse: { status: number; body: object }) => {
      api.oauth.refuse = refuse;
      return (await readAll(fetching().of(polledSource(plan)))).end;
    };
    expect(await endWith({ status: 400, body: { error: "invalid_grant" } })).toMatchObject({
      code: "TOKEN_REFUSED",
      message: "The token endpoint answered 400 (invalid_grant)",
    });
    expect(await endWith({ status: 503, body: {} })).toMatchObject({ code: "TOKEN_UNAVAILABLE" });
    expect(await endWith({ status: 429, body: {} })).toEqual({
      kind: "rate_limited",
      retryAfterMs: undefined,
    });
    expect(await endWith({ status: 200, body: { token: "x" } })).toMatchObject({ code: "TOKEN_UNREADABLE" });
    expect(api.pages()).toEqual([]);
  });

  test("keeps at most the configured number of OAuth tokens", async () => {
    const api = await start(5);
    const { of } = fetching({ bounds: { tokens: { maxTokens: 2, timeoutMs: 5_000 } } });
    const plan = oauth(api, "client_credentials");
    for (const source of ["a", "b", "c", "c", "a"]) await readAll(of(polledSource(plan, { source })));
    expect(tokenRequests(api)).toHaveLength(4);
  });
});

describe("unchanged page", () => {
  test.each(["page", "offset", "cursor", "next_url", "link", "none"] as const)(
    "skips parsing unchanged pages (%s) and reads changed ones",
    async (pagination) => {
      const api = await start(25);
      const pages = over(api, pagination, {});
      const first = await readAll(pages);
      const again = await readAll(pages, first);
      expect(again.ids).toEqual(first.pages.map(() => "same"));
      expect([...again.memory]).toEqual([...first.memory]);
      expect(again.pages.map(({ total }) => total)).toEqual(first.pages.map(({ total }) => total));
      api.records.update(15, { status: "paid" });
      const changed = await readAll(pages, again);
      expect(changed.end).toEqual({ kind: "last_page" });
      expect(changed.ids).toContain(15);
      if (pagination !== "none") expect(changed.ids[0]).toBe("same");
    },
  );

  test.each(["etag", "last_modified", "both"] as const)(
    "sends validators back byte for byte (%s), so that unchanged pages are not transferred",
    async (validators) => {
      const api = await start(25);
      api.validators = validators;
      const pages = over(api, "cursor");
      const first = await readAll(pages);
      const again = await readAll(pages, first);
      expect(again.ids).toEqual(["same", "same", "same"]);
      expect(
        api
          .pages()
          .slice(3)
          .map(({ status }) => status),
      ).toEqual([304, 304, 304]);
      expect([...again.memory]).toEqual([...first.memory]);
      api.records.update(1, { status: "paid" });
      expect((await readAll(pages, again)).ids.slice(0, 10)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    },
  );

  test("reads an unchanged page again after any change of the source", async () => {
    const api = await start(25);
    api.validators = "etag";
    const { of } = fetching();
    const plan = httpPlan(api, api.source("page"));
    const first = await readAll(of(polledSource(plan)));
    for (const over of [{ version: "1.2" }, { records: { id: "id", ignore: ["/status"] } }]) {
      expect((await readAll(of(polledSource(plan, over)), first)).ids).toHaveLength(25);
    }
  });

  test("finds a new page after an unchanged last page with a Link header", async () => {
    const api = await start(20);
    api.validators = "etag";
    const pages = over(api, "link");
    const first = await readAll(pages);
    expect(first.pages).toHaveLength(2);
    api.records.insert({ id: 21 });
    const again = await readAll(pages, first);
    expect([again.ids, again.end]).toEqual([["same", "same", 21], { kind: "last_page" }]);
  });

  test("drops a Last-Modified from the second of the response", async () => {
    const api = await start(5);
    api.validators = "last_modified";
    api.skewMs = Date.UTC(2026, 0, 1) - Date.now();
    const { memory } = await readAll(over(api, "none"));
    expect([...memory.values()][0]?.lastModified).toBeUndefined();
  });

  test("fails at a 304 to an unconditional request", async () => {
    const api = await start(5);
    api.failNext({ kind: "status", status: 304, body: "" });
    expect((await readAll(over(api, "none"))).end).toMatchObject({ code: "UNEXPECTED_STATUS" });
  });
});

describe("pages by number and offset", () => {
  test("pages by offset overlap by one record", async () => {
    const api = await start(25);
    const { pages } = await readAll(over(api, "offset"));
    const ids = pages.map(({ records = [] }) => records.map((record) => (record as { id: number }).id));
    expect(ids.map((page) => [page[0], page.at(-1)])).toEqual([
      [1, 10],
      [10, 19],
      [19, 25],
    ]);
    expect(pages.map(({ overlaps }) => overlaps)).toEqual([false, true, true]);
    expect((await readAll(over(api, "page"))).pages.map(({ overlaps }) => overlaps)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const { total: _total, ...source } = (await start(1)).source("offset");
    const one = await readAll(fetching().of(polledSource(httpPlan(await start(1), source))));
    expect(one.pages.map(({ overlaps }) => overlaps)).toEqual([false, undefined]);
  });

  test.each(["page", "offset"] as const)(
    "reads on after a short page without a total (%s)",
    async (pagination) => {
      const api = await start(25);
      const source = { ...api.source(pagination) };
      delete source["total"];
      const pages = fetching().of(polledSource(httpPlan(api, source)));
      api.failNext({ kind: "short", records: 4 });
      const { ids, end } = await readAll(pages);
      expect(end).toEqual({ kind: "last_page" });
      // With page numbers, only the records missing from the short page are lost.
      expect(ids).toContain(25);
      if (pagination === "offset") expect(new Set(ids).size).toBe(25);
    },
  );

  test("a missing page ends the reading after a short page and fails it after a full one", async () => {
    const api = await start(25);
    const source = { ...api.source("page") };
    delete source["total"];
    const pages = () => fetching().of(polledSource(httpPlan(api, source)));
    api.fault = ({ page }) => (page !== undefined && page > 3 ? { kind: "status", status: 404 } : undefined);
    expect((await readAll(pages())).end).toEqual({ kind: "last_page" });
    api.fault = ({ page }) => (page === 3 ? { kind: "status", status: 404 } : undefined);
    expect((await readAll(pages())).end).toMatchObject({ kind: "failed", code: "NOT_FOUND" });
  });

  test.each(["page", "offset"] as const)(
    "ignores a total that counts something else (%s)",
    async (pagination) => {
      const api = await start(25);
      const target = await serve(async (request, response) => {
        const answer = await fetch(api.url + request.url);
        const body = (await answer.json()) as object;
        response.end(JSON.stringify({ ...body, pages: 3 }));
      });
      const source = { ...api.source(pagination), total: "pages" };
      const plan = httpPlan({ ...api, url: target.url }, source);
      const { ids } = await readAll(fetching().of(polledSource(plan)));
      expect(new Set(ids).size).toBe(25);
    },
  );

  test.each(["page", "offset"] as const)("fails when the provider ignores the %s", async (pagination) => {
    const api = await start(25);
    const source = {
      ...api.source(pagination),
      pagination: { type: pagination, param: "unheard-of", limit: 10 },
    };
    const { end } = await readAll(fetching().of(polledSource(httpPlan(api, source as ConnectorSource))));
    expect(end).toMatchObject({ kind: "failed", code: "PAGE_LOOP" });
  });
});

describe("provider's rate limit", () => {
  test.each(["structured", "legacy", "x"] as const)(
    "reports the rate limit and sends no request once it is exhausted (%s)",
    async (style) => {
      const api = await start(55);
      api.quota = createFakeQuota({ limit: 3, windowMs: 60_000, style });
      const { end, rateLimit, pages } = await readAll(over(api, "page"));
      expect([pages.length, api.pages().length, api.quota.refused]).toEqual([3, 3, 0]);
      expect(end.kind).toBe("rate_limited");
      expect(end.kind === "rate_limited" && end.retryAfterMs).toBeGreaterThan(50_000);
      expect(rateLimit).toMatchObject({ limit: 3, remaining: 0 });
    },
  );

  test("reads a Retry-After date by the provider's clock", async () => {
    const api = await start();
    api.skewMs = -600_000;
    const date = new Date(Date.now() + api.skewMs + 30_000).toUTCString();
    api.failNext({ kind: "rate_limited", retryAfter: date });
    const { end } = await readAll(over(api, "page"));
    expect(end.kind === "rate_limited" && Math.round((end.retryAfterMs ?? 0) / 5_000)).toBe(6);
  });

  test("honours the Retry-After of a 503 and a 500, which are failures", async () => {
    const api = await start();
    api.failNext({ kind: "rate_limited", status: 503, retryAfter: "9" });
    expect((await readAll(over(api, "page"))).end).toMatchObject({
      code: "SERVER_ERROR",
      retryAfterMs: 9_000,
    });
  });

  test("takes a 403 with rate limit headers for a refusal", async () => {
    const api = await start();
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "40" };
    api.failNext({ kind: "status", status: 403, headers });
    expect((await readAll(over(api, "page"))).end).toEqual({ kind: "rate_limited", retryAfterMs: 40_000 });
  });
});

describe("bodies", () => {
  test("compressed pages give the same records and memory as plain ones", async () => {
    const api = await start(25);
    const plain = await readAll(over(api, "cursor"));
    api.gzip = true;
    const zipped = await readAll(over(api, "cursor"));
    expect(api.pages().at(-1)?.headers["accept-encoding"]).toBe("gzip");
    expect(zipped.ids).toEqual(plain.ids);
    expect([...zipped.memory]).toEqual([...plain.memory]);
  });

  test("fails compressed pages that are too large or broken", async () => {
    const { gzipSync } = await import("node:zlib");
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    let body = bomb;
    let encoding = "gzip";
    const target = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": encoding }).end(body);
    });
    const api = await start(1);
    const plan = httpPlan(api, { request: { url: target.url } });
    const end = async () => (await readAll(fetching().of(polledSource(plan)))).end;
    expect(await end()).toMatchObject({ code: "PAGE_TOO_LARGE" });
    body = gzipSync('[{"id":1}]').subarray(0, 20);
    expect(await end()).toMatchObject({ code: "PAGE_TRUNCATED" });
    body = Buffer.from('[{"id":1}]');
    expect(await end()).toMatchObject({ code: "PAGE_UNREADABLE" });
    encoding = "br";
    expect(await end()).toMatchObject({ code: "PAGE_UNREADABLE" });
    encoding = "identity";
    expect(await end()).toEqual({ kind: "last_page" });
    body = Buffer.from([0xff, 0xfe, 0x5b, 0x5d]);
    expect(await end()).toMatchObject({ code: "PAGE_UNREADABLE", message: "The response is not UTF-8" });
    body = Buffer.alloc(2_000_000, "[1,");
    expect(await end()).toMatchObject({ code: "PAGE_TOO_LARGE" });
  });

  test("takes a 204 for a page without records, and a 200 without a body for a failure", async () => {
    let status = 204;
    const target = await serve((_request, response) => void response.writeHead(status).end());
    const plan = httpPlan(await start(1), { request: { url: target.url }, records: "orders" });
    const { end, pages } = await readAll(fetching().of(polledSource(plan)));
    expect([end, pages.map(({ records }) => records)]).toEqual([{ kind: "last_page" }, [[]]]);
    status = 200;
    expect((await readAll(fetching().of(polledSource(plan)))).end).toMatchObject({ code: "PAGE_UNREADABLE" });
  });

  test("keeps ids beyond 2^53 distinct", async () => {
    const target = await serve((_request, response) => {
      response.end('[{"id":9007199254740992},{"id":9007199254740993}]');
    });
    const plan = httpPlan(await start(1), { request: { url: target.url } });
    const { ids } = await readAll(fetching().of(polledSource(plan)));
    expect(new Set(ids).size).toBe(2);
  });

  test("requests public addresses only and follows no redirects", async () => {
    const api = await start(1);
    const plan = httpPlan(api, api.source("none"));
    const guarded = fetching({ allowPrivate: [] }).of(polledSource(plan));
    expect((await readAll(guarded)).end).toMatchObject({ code: "TARGET_REFUSED" });
    expect(api.requests).toEqual([]);
    api.failNext({ kind: "status", status: 302, headers: { location: "http://169.254.169.254/" } });
    expect((await readAll(fetching().of(polledSource(plan)))).end).toMatchObject({
      code: "UNEXPECTED_STATUS",
      message: "The provider answered 302: redirects are not followed",
    });
  });
});

describe("code source", () => {
  const plan = { kind: "code", handler: "shop", params: {}, credentials: { token: "t0p-s3cret" } } as const;
  const read = (fetchPage: (context: { cursor: string | undefined }) => unknown) =>
    readAll(fetching({ sources: { shop: fetchPage as never } }).of(polledSource(plan)));

  test.each<[string, unknown, string]>([
    ["nothing", undefined, "PAGE_UNREADABLE"],
    ["no array", { records: {} }, "PAGE_UNREADABLE"],
    ["an object as the next cursor", { records: [], next: {} }, "PAGE_UNREADABLE"],
    ["a cursor that is too long", { records: [], next: "x".repeat(5_000) }, "CURSOR_TOO_LONG"],
    ["a total that is none", { records: [], total: -1 }, "PAGE_UNREADABLE"],
  ])("a code source that returns %s fails", async (_name, page, code) => {
    const { end, pages } = await read(() => page);
    expect([end, pages]).toEqual([expect.objectContaining({ kind: "failed", code }), []]);
  });

  test("the records of a code source are converted to JSON", async () => {
    const { pages } = await read(() => ({ records: [{ id: 2n ** 60n, at: new Date(0), gone: undefined }] }));
    expect(pages[0]?.records).toEqual([{ id: "1152921504606846976", at: "1970-01-01T00:00:00.000Z" }]);
  });

  test("a code source that throws fails with its message, without credentials", async () => {
    const { end } = await read(() => {
      throw new Error("cannot log in with t0p-s3cret\nand more");
    });
    expect(end).toMatchObject({
      code: "SOURCE_THREW",
      message: "fetchPage threw: cannot log in with [redacted]",
    });
  });

  test("a missing code source fails the poll", async () => {
    expect((await readAll(fetching().of(polledSource(plan)))).end).toMatchObject({ code: "HANDLER_MISSING" });
  });
});
