import { HandlerFault } from "../../domain/flow/handler-fault.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Credentials, FetchPlan, PolledSource } from "../sources/polled-source.ts";
import { failed } from "./classify-response.ts";
import type { FetchEnd, FetchedPage, FetchOptions, FetchReport } from "./fetched-page.ts";

/** The input of a code source for each page. */
export interface SourceContext {
  /** The `next` of the previous page; undefined for the first page. */
  cursor: string | undefined;
  params: Readonly<Record<string, string>>;
  credentials: Credentials;
  /** Aborted at the page's deadline and when the poll is cancelled. */
  signal: AbortSignal;
  /** Writes to the log of the process. Fields that may contain a secret are redacted. */
  log: SourceLog;
}

/** The log of a code source. */
export interface SourceLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A page as a code source returns it. */
export interface SourcePage {
  /** JSON records. Dates become text and big integers become strings of digits. */
  records: unknown[];
  /** The cursor of the next page; absent on the last page. */
  next?: string | number | null | undefined;
  /** Number of all records, if known. */
  total?: number | undefined;
}

/**
 * Fetches a page. Must throw if it cannot: missing records would be taken for deletions. An error with `status` 429
 * or with `retryAfterSeconds` counts as the provider's rate limit.
 */
export type FetchSourcePage = (context: SourceContext) => Promise<SourcePage> | SourcePage;

/** Inputs of readings from code sources. */
export interface CodePagesDeps {
  sources: { get(handler: string, of: { tenantId: string; source: string }): FetchSourcePage | undefined };
  openLog: (source: PolledSource) => SourceLog;
  clock: Clock;
  bounds: { maxPages: number; codeTimeoutMs: number };
}

/** Reads the pages of a code source one after the other. */
export async function* codePages(
  source: PolledSource,
  plan: Extract<FetchPlan, { kind: "code" }>,
  { admit, signal }: FetchOptions,
  { sources, openLog, clock, bounds }: CodePagesDeps,
): AsyncGenerator<FetchedPage, FetchReport, void> {
  const { handler, params, credentials } = plan;
  let requests = 0;
  const report = (end: FetchEnd): FetchReport => ({ end, requests, rateLimit: undefined });
  const fetchPage = sources.get(handler, source);
  // Another instance or the next release may define it.
  if (fetchPage === undefined)
    return report(failed("HANDLER_MISSING", `No file defines the source ${handler}`));
  const log = openLog(source);
  const refs = new Set<string>();
  let cursor: string | undefined;
  while (refs.size < bounds.maxPages) {
    const ref = `c:${cursor ?? ""}`;
    refs.add(ref);
    const waitMs = admit();
    if (waitMs > 0) return report({ kind: "rate_limited", retryAfterMs: waitMs });
    const readAtMs = clock.now();
    requests += 1;
    const deadline = AbortSignal.timeout(bounds.codeTimeoutMs);
    const either = AbortSignal.any([signal, deadline]);
    const read = await fetchOne(
      () => fetchPage({ cursor, params, credentials, signal: either, log }),
      either,
    );
    if (read.kind === "threw") {
      if (signal.aborted) return report(failed("ABORTED", "The poll was cancelled"));
      if (deadline.aborted) {
        return report(failed("TIMEOUT", `fetchPage took more than ${bounds.codeTimeoutMs} ms`));
      }
      log.error("fetchPage threw", { err: read.error });
      return report(endOf(read.error, credentials));
    }
    const page = readSourcePage(read.page);
    if (page.kind === "failed") return report(page.end);
    const { records, next, total } = page;
    const memory = {
      records: records.length,
      ...(next !== undefined && { next: `c:${next}` }),
      ...(total !== undefined && { total }),
    };
    yield { ref, readAtMs, records, total, memory };
    if (next === undefined) return report({ kind: "last_page" });
    if (refs.has(`c:${next}`)) {
      return report(failed("PAGE_LOOP", "A cursor was repeated, so the pages have no end"));
    }
    cursor = next;
  }
  return report(failed("TOO_MANY_PAGES", `There are more than ${bounds.maxPages} pages: use larger ones`));
}

type Fetched = { kind: "page"; page: unknown } | { kind: "threw"; error: unknown };

/** Abandons code that ignores its signal at the deadline. */
async function fetchOne(fetchPage: () => unknown, signal: AbortSignal): Promise<Fetched> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  aborted.catch(() => {});
  try {
    signal.throwIfAborted();
    const fetching = Promise.resolve(fetchPage());
    return { kind: "page", page: await Promise.race([fetching, aborted]) };
  } catch (error) {
    return { kind: "threw", error };
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

type PageReading =
  | { kind: "page"; records: unknown[]; next: string | undefined; total: number | undefined }
  | { kind: "failed"; end: FetchEnd };

/** Cursors of all pages are kept until the next poll. */
const MAX_CURSOR_LENGTH = 4_096;

function readSourcePage(page: unknown): PageReading {
  const { records, next, total } = (page ?? {}) as Partial<Record<keyof SourcePage, unknown>>;
  if (!Array.isArray(records)) return unreadable("The result of fetchPage has no array of records");
  const hasNext = next !== undefined && next !== null && next !== "";
  if (hasNext && typeof next !== "string" && typeof next !== "number") {
    return unreadable("The next from fetchPage is neither a string nor a number");
  }
  if (String(next).length > MAX_CURSOR_LENGTH) {
    const message = `The next from fetchPage is longer than ${MAX_CURSOR_LENGTH} characters`;
    return { kind: "failed", end: failed("CURSOR_TOO_LONG", message) };
  }
  if (total !== undefined && total !== null && !(Number.isSafeInteger(total) && (total as number) >= 0)) {
    return unreadable("The total from fetchPage is not a whole number");
  }
  const read = asJson(records);
  if (read === undefined) return unreadable("The records from fetchPage cannot be converted to JSON");
  return {
    kind: "page",
    records: read,
    next: hasNext ? String(next) : undefined,
    total: (total ?? undefined) as number | undefined,
  };
}

/** Converts records to plain JSON values, like records read over HTTP; undefined if that fails. */
function asJson(records: unknown[]): unknown[] | undefined {
  try {
    const digits = (_key: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
    return readJson(JSON.stringify(records, digits)) as unknown[];
  } catch {
    return undefined;
  }
}

function unreadable(reason: string): PageReading {
  return { kind: "failed", end: failed("PAGE_UNREADABLE", reason) };
}

const MAX_MESSAGE_LENGTH = 300;

/** Converts a thrown error. The message is the error's, without the credentials. */
function endOf(thrown: unknown, credentials: Credentials): FetchEnd {
  if (thrown instanceof HandlerFault) return failed(thrown.code, thrown.message);
  const error = (typeof thrown === "object" && thrown !== null ? thrown : { message: thrown }) as {
    message?: unknown;
    status?: unknown;
    statusCode?: unknown;
    retryAfterSeconds?: unknown;
  };
  const { retryAfterSeconds: seconds } = error;
  const waitMs =
    typeof seconds === "number" && seconds >= 0 ? Math.min(seconds * 1_000, 86_400_000) : undefined;
  if (error.status === 429 || error.statusCode === 429 || waitMs !== undefined) {
    return { kind: "rate_limited", retryAfterMs: waitMs };
  }
  const secrets = Object.values(credentials).filter((value) => value.length >= 4);
  const message = secrets.reduce(
    (text, secret) => text.replaceAll(secret, "[redacted]"),
    String(error.message),
  );
  const [line = ""] = message.split("\n", 1);
  return failed("SOURCE_THREW", `fetchPage threw: ${line.slice(0, MAX_MESSAGE_LENGTH)}`);
}
