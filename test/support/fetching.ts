import { onTestFinished } from "vitest";
import { createOutgoingHttp } from "../../src/runtime/outgoing/index.ts";
import type { FetchSourcePage } from "../../src/synthetic/fetch/code-pages.ts";
import { createFetchPages, type FetchBounds } from "../../src/synthetic/fetch/fetch-pages.ts";
import type {
  FetchedPage,
  FetchOptions,
  FetchPages,
  FetchReport,
  PageMemory,
} from "../../src/synthetic/fetch/fetched-page.ts";
import type { ConnectorSource } from "../../src/synthetic/sources/connector-source.ts";
import { readAuth, readPagination } from "../../src/synthetic/sources/connector-source.ts";
import type { Credentials, FetchPlan, PolledSource } from "../../src/synthetic/sources/polled-source.ts";
import type { FakeApi } from "./fake-api.ts";

/** Returns a source as PostgreSQL would. */
export function polledSource(fetch: FetchPlan, over: Partial<PolledSource> = {}): PolledSource {
  return {
    tenantId: "acme",
    source: "orders",
    connector: "shop",
    entity: "order",
    version: "1.1",
    fetch,
    records: { id: "id" },
    updatedAt: "updated_at",
    diff: "values",
    baseline: "silent",
    deletions: { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 0.1, maxCount: 10 },
    ...over,
  };
}

/** Returns the plan with which a connector's `source` reads the fake API. */
export function httpPlan(api: FakeApi, source: ConnectorSource, credentials: Credentials = {}): FetchPlan {
  const { url = "", method = "GET", headers = {}, query = {} } = source.request ?? {};
  return {
    kind: "http",
    request: {
      url: url.replace("{base_url}", api.url),
      method,
      headers,
      query,
      credentials,
      auth: readAuth(source.auth),
      pagination: readPagination(source.pagination),
      recordsPath: source.records ?? "",
      urlSecrets: [],
      totalPath: source.total,
      ...(source.empty !== undefined && { empty: source.empty }),
    },
  };
}

/** Returns the fetchers of a process that may reach 127.0.0.1. */
export function fetching(
  over: {
    sources?: Record<string, FetchSourcePage>;
    bounds?: Partial<FetchBounds>;
    saveCredentials?: (source: PolledSource, credentials: Credentials) => Promise<void>;
    now?: () => number;
    allowPrivate?: readonly string[];
  } = {},
) {
  const outgoing = createOutgoingHttp({ allowPrivate: over.allowPrivate ?? ["127.0.0.1/32"] });
  onTestFinished(() => outgoing.close());
  const errors: unknown[] = [];
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const of = createFetchPages({
    outgoing,
    clock: { now: over.now ?? Date.now },
    sources: new Map(Object.entries(over.sources ?? {})),
    openLog: () => ({ info: log, warn: log, error: log }),
    saveCredentials: over.saveCredentials ?? (async () => {}),
    onError: (error) => errors.push(error),
    bounds: {
      maxPages: 100,
      maxPageBytes: 1_000_000,
      pageTimeoutMs: 5_000,
      codeTimeoutMs: 5_000,
      tokens: { maxTokens: 10, timeoutMs: 5_000 },
      ...over.bounds,
    },
  });
  return { of, errors, logged };
}

/** The pages and the report of a reading. */
export interface Reading extends FetchReport {
  pages: FetchedPage[];
  /** The ids of all records read, in order; "same" stands for an unchanged page. */
  ids: unknown[];
  /** The memory for the next reading. */
  memory: Map<string, PageMemory>;
}

/** Reads all pages. */
export async function readAll(
  fetchPages: FetchPages,
  options: Partial<Omit<FetchOptions, "memory">> & { memory?: ReadonlyMap<string, PageMemory> } = {},
): Promise<Reading> {
  const { memory: known, admit = () => 0, signal = new AbortController().signal } = options;
  const reading = fetchPages({ memory: (ref) => known?.get(ref), admit, signal });
  const pages: FetchedPage[] = [];
  for (;;) {
    const { value, done } = await reading.next();
    if (done) {
      const ids = pages.flatMap(
        ({ records }) => records?.map((record) => (record as { id: unknown }).id) ?? ["same"],
      );
      return { ...value, pages, ids, memory: new Map(pages.map((page) => [page.ref, page.memory])) };
    }
    pages.push(value);
  }
}
