import type { Clock } from "../../runtime/clock.ts";
import { inTurns } from "../../runtime/turns.ts";
import type { HttpSourceRequest, PolledSource } from "../sources/polled-source.ts";
import type { OutgoingResponse } from "./classify-response.ts";
import { failed } from "./classify-response.ts";
import type { FetchEnd, FetchedPage, FetchOptions, FetchReport, PageMemory } from "./fetched-page.ts";
import type { createSendPage, Requests } from "./http-request.ts";
import { namedRows } from "./named-rows.ts";
import { conditionalHeaders, type PageMemories, pageMemories, validatorsOf } from "./page-memory.ts";
import { createPaging, type NextPage, type PageRead } from "./paging.ts";
import { readBody, utf8Of } from "./read-body.ts";
import { readPage, readTotal } from "./read-page.ts";

/** Inputs of HTTP readings. */
export interface HttpPagesDeps {
  sendPage: ReturnType<typeof createSendPage>;
  clock: Clock;
  bounds: { maxPages: number; maxPageBytes: number };
}

/** Reads the pages of an HTTP source one after the other. */
export async function* httpPages(
  source: PolledSource,
  request: HttpSourceRequest,
  options: FetchOptions,
  { sendPage, clock, bounds }: HttpPagesDeps,
): AsyncGenerator<FetchedPage, FetchReport, void> {
  const paging = createPaging(request);
  const memories = pageMemories(source);
  const requests: Requests = { count: 0, rateLimit: undefined, rateLimitAtMs: 0 };
  const report = (end: FetchEnd): FetchReport => ({
    end,
    requests: requests.count,
    rateLimit: requests.rateLimit,
  });
  const refs = new Set<string>();
  let ref = paging.first;
  let before = 0;
  let previous: { ref: string; records: number; fingerprint: string | undefined } | undefined;
  while (refs.size < bounds.maxPages) {
    refs.add(ref);
    const memory = usableMemory(options.memory(ref), memories, request);
    const sent = await sendPage(
      { source, request, url: paging.urlOf(ref), headers: memory.conditional },
      requests,
      options,
    );
    if (sent.kind === "end") {
      const isPastEnd = previous !== undefined && PAST_END.has(sent.status) && paging.mayEndWith(previous);
      return report(isPastEnd ? { kind: "last_page" } : sent.end);
    }
    const read =
      sent.kind === "unchanged"
        ? notModified(memory)
        : await readResponse(sent.response, {
            request,
            memories,
            memory: memory.kept,
            bounds,
            nowMs: clock.now(),
          });
    if (read.kind === "failed") return report(read.end);
    const current = {
      ref,
      headers: sent.response.headers,
      records: read.records?.length ?? read.kept.records,
      before,
    };
    if (isSamePage(previous, read.kept, current.records)) return report(LOOP);
    const next = nextPage(read, current, (page) => paging.next(page), request);
    if (next.kind === "failed") return report(failed(next.code, next.message));
    const { next: _old, ...kept } = read.kept;
    yield {
      ref,
      readAtMs: sent.sentAtMs,
      records: read.records,
      ...(read.kind === "page" && { bytes: read.bytes }),
      ...(paging.overlaps === true && overlapOf(previous)),
      total: kept.total,
      memory: next.kind === "page" ? { ...kept, next: next.ref } : kept,
    };
    if (next.kind === "last") return report({ kind: "last_page" });
    if (refs.has(next.ref)) return report(LOOP);
    previous = { ref, records: current.records, fingerprint: read.kept.fingerprint };
    before += current.records;
    ref = next.ref;
  }
  return report(failed("TOO_MANY_PAGES", `There are more than ${bounds.maxPages} pages: use larger ones`));
}

/** The page after a single record starts behind it instead of overlapping, since it would be requested forever. */
function overlapOf(previous: { records: number } | undefined): { overlaps?: boolean } {
  if (previous === undefined) return { overlaps: false };
  return previous.records > 1 ? { overlaps: true } : {};
}

/** Statuses with which providers answer requests for a page after the last. */
const PAST_END = new Set([400, 404, 416, 422]);

const LOOP = failed("PAGE_LOOP", "A page was repeated, so the pages have no end");

interface Memory {
  kept: PageMemory | undefined;
  conditional: Record<string, string>;
}

/**
 * Returns the memory and conditional headers for a page. The last page of a Link pagination is requested without
 * conditions unless it is known to have room: if it is full, a new record creates another page and changes only the
 * Link header of this one.
 */
function usableMemory(
  memory: PageMemory | undefined,
  memories: PageMemories,
  { pagination, query, url }: HttpSourceRequest,
): Memory {
  if (!memories.isUsable(memory)) return { kept: undefined, conditional: {} };
  const mayBeFull =
    pagination.type === "link" && memory.next === undefined && !(memory.records < sizeIn(query, url));
  return { kept: memory, conditional: mayBeFull ? {} : conditionalHeaders(memory) };
}

const SIZE_NAME = /^(?:per_?page|page_?size|limit|size|count|first|top|max_?results)$/i;

/** Returns the page size that the query asks for, 0 if none. */
function sizeIn(query: Readonly<Record<string, string>>, url: string): number {
  const fields = [...Object.entries(query), ...new URL(url).searchParams];
  const sizes = fields.flatMap(([name, value]) =>
    SIZE_NAME.test(name) && /^\d+$/.test(value) ? [Number(value)] : [],
  );
  return Math.min(...sizes, sizes.length === 0 ? 0 : Number.POSITIVE_INFINITY);
}

type Read =
  | { kind: "page"; records: unknown[]; body: unknown; bytes: number; kept: PageMemory }
  /** The page is unchanged, and `kept` is its memory. */
  | { kind: "same"; records: undefined; kept: PageMemory }
  | { kind: "failed"; end: FetchEnd };

function notModified({ kept, conditional }: Memory): Read {
  if (kept !== undefined && Object.keys(conditional).length > 0)
    return { kind: "same", records: undefined, kept };
  return {
    kind: "failed",
    end: failed("UNEXPECTED_STATUS", "The provider answered 304 to a request without conditions"),
  };
}

async function readResponse(
  response: OutgoingResponse,
  how: {
    request: HttpSourceRequest;
    memories: PageMemories;
    memory: PageMemory | undefined;
    bounds: { maxPageBytes: number };
    nowMs: number;
  },
): Promise<Read> {
  const { request, memories, memory } = how;
  const { headers } = response;
  const validators = validatorsOf(headers, how.nowMs);
  if (response.status === NO_CONTENT) return emptyPage(memories, validators);
  const body = await readBody(response, headers["content-encoding"], how.bounds.maxPageBytes);
  if (body.kind === "failed") return { kind: "failed", end: failed(body.code, body.message) };
  const fingerprint = memories.fingerprint(body.bytes);
  if (memory?.fingerprint === fingerprint) {
    const { etag: _etag, lastModified: _lastModified, ...rest } = memory;
    return { kind: "same", records: undefined, kept: { ...rest, ...validators } };
  }
  const bytes = utf8Of(body.bytes);
  if (bytes === undefined) return unreadable("The response is not UTF-8");
  const page = await inTurns(readPage(bytes, request));
  if (page.kind === "unreadable") return unreadable(page.reason);
  const rows = request.columns === undefined ? undefined : namedRows(page.records);
  if (rows?.kind === "unreadable") return unreadable(rows.reason);
  const records = rows?.records ?? page.records;
  const total = readTotal(page.body, request.totalPath);
  const kept = { fingerprint, ...validators, records: records.length, ...(total !== undefined && { total }) };
  return { kind: "page", records, body: page.body, bytes: bytes.length, kept };
}

function unreadable(reason: string): Read {
  return { kind: "failed", end: failed("PAGE_UNREADABLE", reason) };
}

/** The status of a response that has no body: a page without records. */
const NO_CONTENT = 204;

function emptyPage(memories: PageMemories, validators: Pick<PageMemory, "etag" | "lastModified">): Read {
  const kept = { fingerprint: memories.fingerprint(Buffer.alloc(0)), ...validators, records: 0 };
  return { kind: "page", records: [], body: undefined, bytes: 0, kept };
}

/** Finds the next page. For an unchanged page it is in the memory, unless it was in a header. */
function nextPage(
  read: Exclude<Read, { kind: "failed" }>,
  current: Pick<PageRead, "ref" | "headers" | "records" | "before">,
  nextOf: (page: PageRead) => NextPage,
  { pagination }: HttpSourceRequest,
): NextPage {
  const { total, next } = read.kept;
  if (read.kind === "page") return nextOf({ ...current, body: read.body, total });
  // A 304 omits headers (RFC 9110, section 15.4.5).
  const inHeader =
    pagination.type === "link" && (current.headers["link"] !== undefined || next === undefined);
  if (inHeader) return nextOf({ ...current, body: undefined, total });
  return next === undefined ? { kind: "last" } : { kind: "page", ref: next };
}

/** A provider that ignores the page number or offset returns the first page every time. */
function isSamePage(
  previous: { fingerprint: string | undefined } | undefined,
  { fingerprint }: PageMemory,
  records: number,
): boolean {
  return previous !== undefined && records > 0 && previous.fingerprint === fingerprint;
}
