import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { createCollection, type FakeCollection, type FakeRecord } from "./fake-collection.ts";
import { createFakeOAuth, type FakeOAuth } from "./fake-oauth.ts";
import type { FakeQuota } from "./fake-quota.ts";

/**
 * A fault in a response. `empty` is a 200 without records (with `total` 0 if `confirmed`), `short` keeps only the
 * first records of the page, `cut_json` ends within the JSON, `cut_body` within the HTTP body, and `same_next` names
 * the page itself as the next one.
 */
export type Fault =
  | { kind: "rate_limited"; retryAfter?: string; status?: 429 | 503 }
  | { kind: "status"; status: number; body?: string; headers?: Record<string, string> }
  | { kind: "html" | "empty_body" | "missing_key" | "cut_json" | "cut_body" | "reset" | "hang" | "same_next" }
  | { kind: "empty"; confirmed?: boolean }
  | { kind: "short"; records: number }
  | { kind: "slow"; ms: number };

/** A request that the server received. */
export interface FakeRequest {
  /** When its head arrived, Unix ms. */
  atMs: number;
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage["headers"];
  body: string;
  /** The page number, from 1; undefined for other requests. */
  page: number | undefined;
  /** The status of the response; 0 if there was none. */
  status: number;
}

/** The kinds of pagination that the fake API has. */
export type FakePagination = "none" | "page" | "offset" | "cursor" | "link" | "next_url";

/**
 * An API on 127.0.0.1 that serves `records` at `/{pagination}/orders` in every kind of pagination, and a single
 * record at `/orders/{id}`. Its properties may be set at any time and apply to the next request.
 *
 * `page`, `offset` and `link` (whose pages are bare arrays) count from the start, so that records shift between
 * pages; `cursor` and `next_url` continue after the last record. Other pages are `{orders, total, next?}`.
 */
export interface FakeApi {
  url: string;
  records: FakeCollection;
  pageSize: number;
  /** All requests in order, including those for tokens; `pages` returns those for pages. */
  requests: FakeRequest[];
  pages(): FakeRequest[];
  /** Returns the fault of a request for a page or record, whose `status` is 0 at that time. */
  fault: (request: FakeRequest) => Fault | undefined;
  /** Gives the next requests for pages this fault, before `fault` is called. */
  failNext(fault: Fault, times?: number): void;
  /** Called before a page is read from the records and after it was sent. Change the records here to cause drift. */
  beforePage: (page: number) => void | Promise<void>;
  afterPage: (page: number) => void | Promise<void>;
  /** The validators of pages, which are compared for a 304. */
  validators: "none" | "etag" | "last_modified" | "both";
  gzip: boolean;
  /** Added to `Date` and to the `updated_at` of updates, ms. */
  skewMs: number;
  /** Requests over the quota get a 429. Undefined for no quota. */
  quota: FakeQuota | undefined;
  /** Requests for pages that it rejects get a 401. Undefined to accept all. */
  authorize: ((request: FakeRequest) => boolean) | undefined;
  /** Issues tokens at `/oauth/token`. Set `authorize = api.oauth.authorize` to require them. */
  oauth: FakeOAuth;
  /** Sent with every page. */
  headers: Record<string, string>;
  /** Returns a connector's `source` for this pagination, with the param `{base_url}`. */
  source(pagination: FakePagination): Record<string, unknown>;
  close(): Promise<void>;
}

/** Returns `count` orders with the ids 1 to count. */
export function fakeOrders(count: number): FakeRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    status: "open",
    total: 100 + index,
    tags: ["a", "b"],
    updated_at: new Date(Date.UTC(2026, 0, 1) + index * 1_000).toISOString(),
  }));
}

/** Starts the API with these records. Close it with `onTestFinished(api.close)`. */
export async function startFakeApi(seed: readonly FakeRecord[] = fakeOrders(25)): Promise<FakeApi> {
  const queued: Fault[] = [];
  const server = createServer((request, response) => {
    answer(api, queued, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const api: FakeApi = {
    url,
    records: createCollection(seed, () => Date.now() + api.skewMs),
    pageSize: 10,
    requests: [],
    pages: () => api.requests.filter(({ page }) => page !== undefined),
    fault: () => undefined,
    failNext(fault, times = 1) {
      for (let count = 0; count < times; count += 1) queued.push(fault);
    },
    beforePage: () => {},
    afterPage: () => {},
    validators: "none",
    gzip: false,
    skewMs: 0,
    quota: undefined,
    authorize: undefined,
    oauth: createFakeOAuth(),
    headers: {},
    source: (pagination) => sourceOf(pagination, api.pageSize),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;
}

async function answer(
  api: FakeApi,
  queued: Fault[],
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(incoming.url ?? "/", api.url);
  const request: FakeRequest = {
    atMs: Date.now(),
    method: incoming.method ?? "",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: incoming.headers,
    body: "",
    page: undefined,
    status: 0,
  };
  api.requests.push(request);
  for await (const chunk of incoming) request.body += chunk;
  const send = (status: number, body: string, headers: Record<string, string> = {}) => {
    request.status = status;
    const common = {
      "content-type": "application/json",
      date: new Date(Date.now() + api.skewMs).toUTCString(),
    };
    const zipped = api.gzip && /gzip/.test(String(incoming.headers["accept-encoding"])) && body !== "";
    response.writeHead(status, { ...common, ...headers, ...(zipped ? { "content-encoding": "gzip" } : {}) });
    response.end(zipped ? gzipSync(body) : body);
  };
  if (request.path === "/oauth/token") {
    const { status, body } = api.oauth.answer(request);
    return send(status, JSON.stringify(body));
  }
  const [, kind = "", name] = request.path.split("/");
  if (kind === "orders") {
    const record = api.records.all().find(({ id }) => String(id) === name);
    return record === undefined ? send(404, "{}") : send(200, JSON.stringify(record));
  }
  const start = startOf(kind, request.query, api.pageSize);
  if (start === undefined) return send(404, '{"error":"no such path"}');
  request.page = 1 + Math.floor(api.records.from(start, 0).index / api.pageSize);
  if (api.authorize?.(request) === false) return send(401, '{"error":"unauthorized"}');
  const over = api.quota?.take(request.atMs);
  const extra = { ...api.headers, ...over?.headers };
  if (over?.refused) return send(429, '{"error":"slow down"}', extra);
  const fault = queued.shift() ?? api.fault(request);
  if (fault?.kind === "slow") await delay(fault.ms, undefined, { ref: false });
  if (fault !== undefined && answerFault(fault, send, response)) return;
  await api.beforePage(request.page);
  sendPage({ api, request, kind, start, fault, send, response, extra });
  await api.afterPage(request.page);
}

type Send = (status: number, body: string, headers?: Record<string, string>) => void;

/** Sends faults that are a whole response. Returns false for faults that damage a page. */
function answerFault(fault: Fault, send: Send, response: ServerResponse): boolean {
  switch (fault.kind) {
    case "rate_limited": {
      const after = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
      send(fault.status ?? 429, '{"error":"slow down"}', after);
      return true;
    }
    case "status":
      send(fault.status, fault.body ?? '{"error":"something"}', fault.headers);
      return true;
    case "html":
      send(200, "<!doctype html><title>Log in</title>", { "content-type": "text/html" });
      return true;
    case "empty_body":
      send(200, "");
      return true;
    case "missing_key":
      send(200, '{"data":{}}');
      return true;
    case "reset":
      response.socket?.resetAndDestroy();
      return true;
    case "hang":
      return true;
    default:
      return false;
  }
}

function sendPage(page: {
  api: FakeApi;
  request: FakeRequest;
  kind: string;
  start: { index: number } | { after: number };
  fault: Fault | undefined;
  send: Send;
  response: ServerResponse;
  extra: Record<string, string>;
}): void {
  const { api, request, kind, start, fault, send, response, extra } = page;
  const size = Number(request.query["per_page"] ?? request.query["limit"] ?? api.pageSize);
  const slice = api.records.from(start, kind === "none" ? Number.POSITIVE_INFINITY : size);
  const total = fault?.kind === "empty" && fault.confirmed ? 0 : api.records.all().length;
  const kept = fault?.kind === "empty" ? 0 : fault?.kind === "short" ? fault.records : slice.records.length;
  const records = slice.records.slice(0, kept);
  const number = request.page as number;
  const next = nextOf(api, {
    kind,
    slice: fault?.kind === "empty" ? { ...slice, next: undefined } : slice,
    number,
    same: fault?.kind === "same_next",
    query: request.query,
  });
  const body = JSON.stringify(
    kind === "link"
      ? records
      : {
          orders: records,
          ...(next?.body ?? {}),
          ...(fault?.kind === "empty" && !fault.confirmed ? {} : { total }),
        },
  );
  const headers = { ...extra, ...(next?.headers ?? {}), ...validatorsOf(api, body) };
  if (fault === undefined && isUnchanged(request, headers)) send(304, "", headers);
  else if (fault?.kind === "cut_json") send(200, body.slice(0, body.length / 2), headers);
  else if (fault?.kind !== "cut_body") send(200, body, headers);
  else {
    response.writeHead(200, { ...headers, "content-length": String(Buffer.byteLength(body)) });
    response.write(body.slice(0, body.length / 2), () => response.destroy());
  }
}

function startOf(
  kind: string,
  query: Record<string, string>,
  size: number,
): { index: number } | { after: number } | undefined {
  const number = (name: string, otherwise: number) => Number(query[name] ?? otherwise);
  switch (kind) {
    case "none":
      return { index: 0 };
    case "page":
    case "link":
      return { index: (number("page", 1) - 1) * number("per_page", size) };
    case "offset":
      return { index: number("offset", 0) };
    case "cursor":
    case "next_url":
      return query["cursor"] === undefined ? { index: 0 } : { after: number("cursor", 0) };
    default:
      return undefined;
  }
}

/** Returns the part of a page that names the next one. */
function nextOf(
  api: FakeApi,
  page: {
    kind: string;
    slice: { next: number | undefined };
    number: number;
    same: boolean;
    query: Record<string, string>;
  },
): { body?: object; headers?: Record<string, string> } | undefined {
  const { kind, slice, number, same, query } = page;
  if (slice.next === undefined && !same)
    return kind === "cursor" || kind === "next_url" ? { body: { next: null } } : undefined;
  const cursor = same ? (query["cursor"] ?? "-1") : String(slice.next);
  switch (kind) {
    case "cursor":
      return { body: { next: cursor } };
    case "next_url":
      return { body: { next: `${api.url}/next_url/orders?cursor=${cursor}` } };
    case "link": {
      const target = `${api.url}/link/orders?page=${same ? number : number + 1}`;
      return { headers: { link: `<${api.url}/link/orders?page=1>; rel="first", <${target}>; rel="next"` } };
    }
    default:
      return undefined;
  }
}

function validatorsOf(api: FakeApi, body: string): Record<string, string> {
  const { validators, records } = api;
  const hash = createHash("sha256").update(body).digest("base64");
  // Advances a second per change, the resolution of the header.
  const lastModified = new Date(Date.UTC(2026, 0, 1) + records.changes * 1_000).toUTCString();
  return {
    ...(validators === "etag" || validators === "both" ? { etag: `W/"${hash}"` } : {}),
    ...(validators === "last_modified" || validators === "both" ? { "last-modified": lastModified } : {}),
  };
}

function isUnchanged({ headers }: FakeRequest, now: Record<string, string>): boolean {
  const tag = headers["if-none-match"];
  if (tag !== undefined) return tag === now["etag"];
  return headers["if-modified-since"] !== undefined && headers["if-modified-since"] === now["last-modified"];
}

function sourceOf(pagination: FakePagination, size: number): Record<string, unknown> {
  const ways: Record<FakePagination, object> = {
    none: { type: "none" },
    page: { type: "page", param: "page", size_param: "per_page", size },
    offset: { type: "offset", param: "offset", limit_param: "limit", limit: size },
    cursor: { type: "cursor", param: "cursor", next: "next" },
    link: { type: "link" },
    next_url: { type: "next_url", next: "next" },
  };
  return {
    request: { url: `{base_url}/${pagination}/orders` },
    pagination: ways[pagination],
    records: pagination === "link" ? "" : "orders",
    id: "id",
    updated_at: "updated_at",
    ...(pagination === "link" ? {} : { total: "total" }),
  };
}
