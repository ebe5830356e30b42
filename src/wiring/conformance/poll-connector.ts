import type { OutgoingHttp } from "../../runtime/outgoing/index.ts";
import { createFetchPages, type FetchBounds } from "../../synthetic/fetch/fetch-pages.ts";
import type {
  FetchEnd,
  FetchedPage,
  FetchReport,
  RateLimitSeen,
} from "../../synthetic/fetch/fetched-page.ts";
import { fillPlan, readRecords } from "../../synthetic/fetch/read-source.ts";
import { judgeSnapshot, pagesJoin } from "../../synthetic/poll/snapshot.ts";
import { recordDiffer } from "../../synthetic/records/record-diff.ts";
import { recordReader } from "../../synthetic/records/record-reader.ts";
import { updatedAtMs } from "../../synthetic/records/updated-at.ts";
import type { ConnectorSource } from "../../synthetic/sources/connector-source.ts";
import type { Credentials, PolledSource } from "../../synthetic/sources/polled-source.ts";
import type { Problem } from "./read-connector.ts";

/** A page as it is reported. */
export interface PageRead {
  page: number;
  records: number;
  bytes?: number;
  /** The list's total, as the API states it on this page. */
  total?: number;
}

/** One reading of the whole list. */
export interface ListReading {
  pages: PageRead[];
  /** Whether all records were seen, by the rules of polls; the reasons why not. */
  complete: boolean;
  reasons: string[];
  /** The bound on pages was reached. */
  stopped: boolean;
  records: number;
  /** Records that came twice, and some of their ids. */
  repeated: { count: number; ids: string[] };
  /** Records that cannot be used, and the first reason. */
  unreadable: { count: number; reason?: string };
  /** Null if the connector has no updated_at. */
  updated_at: { readable: number; unreadable: number } | null;
  requests: number;
  /** Waits that the API's limit asked for, s. */
  waited_seconds: number[];
  /** The limit that the API stated last. */
  limit: { limit: number; remaining: number; resets_in_seconds: number } | null;
  error: { code: string; message: string } | null;
}

/** Records that differ between two readings. */
export interface ReadingDifference {
  created: string[];
  updated: { id: string; fields: string[] }[];
  gone: string[];
}

/** The result of trying the source half of a connector. */
export interface SourceCheck {
  readings: ListReading[];
  /** Null if there was one reading. */
  difference: ReadingDifference | null;
  problems: Problem[];
  notes: string[];
  /** The credentials after the API replaced some of them; the earlier ones are void. */
  renewed_credentials: Credentials | null;
}

/** The inputs and bounds of the polls. */
export interface PollingInput {
  params: Readonly<Record<string, string>>;
  credentials: Credentials;
  secrets: ReadonlyMap<string, string>;
  /** Readings: 1, or 2 to compare them. */
  readings: number;
  maxPages: number;
  /** The longest sum of waits of one reading, ms. */
  maxWaitMs: number;
}

/** Dependencies of the polls. */
export interface PollingTools {
  outgoing: OutgoingHttp;
  bounds: FetchBounds;
  now: () => number;
  wait: (ms: number) => Promise<void>;
  onPage?: (page: PageRead) => void;
  onWait?: (seconds: number) => void;
  /** Called between two readings. */
  between?: () => Promise<void>;
}

/** A wait for a limit that states no time, ms. It doubles. */
const UNSTATED_WAIT_MS = 60_000;

const MAX_NAMED = 10;

/** Polls the API through the fetcher of the product, and judges the lists as a poll would. */
export async function pollConnector(
  connector: ConnectorSource,
  input: PollingInput,
  tools: PollingTools,
): Promise<SourceCheck> {
  const { outgoing, bounds, now } = tools;
  const check: SourceCheck = {
    readings: [],
    difference: null,
    problems: [],
    notes: [],
    renewed_credentials: null,
  };
  const source = sourceOf(connector, input);
  const fetchPages = createFetchPages({
    outgoing,
    clock: { now },
    sources: { get: () => undefined },
    openLog: () => ({ info() {}, warn() {}, error() {} }),
    async saveCredentials(_, credentials) {
      check.renewed_credentials = credentials;
    },
    onError(error) {
      throw error;
    },
    bounds: { ...bounds, maxPages: input.maxPages },
  })(source);
  let before: ReadonlyMap<string, Seen> | undefined;
  for (let number = 0; number < input.readings; number += 1) {
    if (number > 0) await tools.between?.();
    const { reading, seen } = await readList({ connector, source, fetchPages, input, tools });
    check.readings.push(reading);
    judge(check, reading, connector);
    if (reading.error !== null) break;
    if (before !== undefined) check.difference = differenceOf(before, seen, source);
    before = seen;
  }
  return check;
}

function sourceOf(connector: ConnectorSource, input: PollingInput): PolledSource {
  return {
    tenantId: "check",
    source: "check",
    connector: "check",
    entity: "record",
    version: "1",
    fetch: fillPlan(connector, input),
    ...readRecords(connector),
    diff: "values",
    baseline: "silent",
    deletions: { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 0.1, maxCount: 10 },
  };
}

/** A record of a reading. */
interface Seen {
  subject: string;
  digest: string;
  record: unknown;
}

interface Reading {
  connector: ConnectorSource;
  source: PolledSource;
  fetchPages: ReturnType<ReturnType<typeof createFetchPages>>;
  input: PollingInput;
  tools: PollingTools;
}

/** Reads the list. After a refusal by the API's limit it waits and begins again, as the next poll would. */
async function readList(of: Reading): Promise<{ reading: ListReading; seen: Map<string, Seen> }> {
  const { input, tools } = of;
  const waits: number[] = [];
  let requests = 0;
  for (;;) {
    const result = await readOnce(of);
    const { end } = result.report;
    requests += result.report.requests;
    const reading = { ...result.reading, requests, waited_seconds: waits };
    if (end.kind !== "rate_limited") return { reading, seen: result.seen };
    const waitMs = end.retryAfterMs ?? UNSTATED_WAIT_MS * 2 ** waits.length;
    const waitedMs = waits.reduce((sum, seconds) => sum + seconds * 1_000, 0);
    if (waitedMs + waitMs > input.maxWaitMs) {
      const message = `The API's limit asks for a wait of ${Math.ceil(waitMs / 1_000)} s, longer than --max-wait allows`;
      return { reading: { ...reading, error: { code: "RATE_LIMITED", message } }, seen: result.seen };
    }
    const seconds = Math.ceil(waitMs / 1_000);
    waits.push(seconds);
    tools.onWait?.(seconds);
    await tools.wait(seconds * 1_000);
  }
}

async function readOnce({ connector, source, fetchPages, tools }: Reading) {
  const reader = recordReader(source.records);
  const seen = new Map<string, Seen>();
  const reading: ListReading = {
    pages: [],
    complete: false,
    reasons: [],
    stopped: false,
    records: 0,
    repeated: { count: 0, ids: [] },
    unreadable: { count: 0 },
    updated_at: connector.updated_at === undefined ? null : { readable: 0, unreadable: 0 },
    requests: 0,
    waited_seconds: [],
    limit: null,
    error: null,
  };
  let gaps = 0;
  let total: number | undefined;
  let last: string | undefined;

  function see(page: FetchedPage): void {
    const keys: string[] = [];
    for (const record of page.records ?? []) {
      const read = reader.read(record);
      if (read.kind === "unreadable") {
        reading.unreadable.count += 1;
        reading.unreadable.reason ??= read.reason;
        continue;
      }
      keys.push(read.key);
      const isOverlap = page.overlaps === true && read.key === last && keys.length === 1;
      if (isOverlap) continue;
      if (seen.has(read.key)) {
        reading.repeated.count += 1;
        if (reading.repeated.ids.length < MAX_NAMED) reading.repeated.ids.push(read.subject);
      }
      seen.set(read.key, { subject: read.subject, digest: read.digest.toString("hex"), record });
      if (reading.updated_at !== null) {
        const isReadable = updatedAtMs(record, connector.updated_at) !== undefined;
        reading.updated_at[isReadable ? "readable" : "unreadable"] += 1;
      }
    }
    if (page.overlaps === true && last !== undefined && !pagesJoin([last], keys)) gaps += 1;
    last = keys.at(-1) ?? last;
    total = page.total ?? total;
    const read: PageRead = {
      page: reading.pages.length + 1,
      records: page.records?.length ?? page.memory.records,
      ...(page.bytes !== undefined && { bytes: page.bytes }),
      ...(page.total !== undefined && { total: page.total }),
    };
    reading.pages.push(read);
    tools.onPage?.(read);
  }

  const pages = fetchPages({ memory: () => undefined, admit: () => 0, signal: new AbortController().signal });
  let report: FetchReport;
  for (;;) {
    const step = await pages.next();
    if (step.done === true) {
      report = step.value;
      break;
    }
    see(step.value);
    const { rate_limit: limit } = connector;
    if (limit !== undefined) await tools.wait((limit.per_seconds * 1_000) / limit.requests);
  }
  const { end } = report;
  const judged = judgeSnapshot({
    lastPageReached: end.kind === "last_page",
    failedPages: end.kind === "failed" ? 1 : 0,
    gaps,
    unreadableRecords: reading.unreadable.count,
    seen: seen.size,
    total,
    accessChanged: false,
    tracked: 0,
  });
  reading.records = seen.size;
  reading.complete = judged.complete;
  reading.stopped = end.kind === "failed" && end.code === "TOO_MANY_PAGES";
  reading.reasons = judged.complete ? [] : judged.reasons;
  reading.limit = limitOf(report.rateLimit);
  reading.error = reading.stopped ? null : errorOf(end);
  return { reading, seen, report };
}

function limitOf(seen: RateLimitSeen | undefined): ListReading["limit"] {
  return seen === undefined
    ? null
    : { limit: seen.limit, remaining: seen.remaining, resets_in_seconds: seen.resetS };
}

function errorOf(end: FetchEnd): ListReading["error"] {
  return end.kind === "failed" ? { code: end.code, message: end.message } : null;
}

/** Adds what is wrong with a reading, and what to do. */
function judge(check: SourceCheck, reading: ListReading, connector: ConnectorSource): void {
  const { problems, notes } = check;
  const { error, repeated, unreadable, updated_at: updated, pages } = reading;
  if (error !== null) {
    const advice = ADVICE[error.code] ?? "Compare the request with the API's documentation";
    problems.push({ field: "source", message: `${error.code}: ${error.message}. ${advice}` });
  } else if (reading.stopped) {
    notes.push(`The reading stopped after ${pages.length} pages; --max-pages raises the bound`);
  } else if (!reading.complete) {
    const message = `the list did not come out complete: ${reading.reasons.join("; ")}. Deletions are not told until it does`;
    problems.push({ field: "source", message });
  }
  if (repeated.count > 0) {
    const message = `${repeated.count} records have the id of another (${repeated.ids.join(", ")}): name a path, or several, whose values are unique`;
    problems.push({ field: "source.id", message });
  }
  if (unreadable.count > 0) {
    problems.push({
      field: "source.id",
      message: `${unreadable.count} records cannot be used: ${unreadable.reason}`,
    });
  }
  if (updated !== null && updated.readable === 0 && updated.unreadable > 0) {
    const message = `no record has a time at ${connector.updated_at}: name the path of an RFC 3339 or Unix time, or leave it out`;
    problems.push({ field: "source.updated_at", message });
  } else if (updated !== null && updated.unreadable > 0) {
    notes.push(`${updated.unreadable} records have no readable time at ${connector.updated_at}`);
  }
  if (error === null && reading.records === 0)
    notes.push("The list is empty, so ids and times were not tried");
}

/** The advice on failures of a reading, by their codes. */
const ADVICE: Readonly<Record<string, string>> = {
  TARGET_REFUSED: "Set HEADRACE_ALLOW_PRIVATE_TARGETS to reach an address that is not public",
  CONNECTION: "Check the host in the URL and the network",
  TIMEOUT: "Ask for smaller pages",
  UNAUTHORIZED: "Check the credentials and that auth sends them as the API wants",
  FORBIDDEN: "Give the credentials the scopes that the list needs",
  NOT_FOUND: "Check the URL and the params in it",
  PAGE_UNREADABLE: "Check the path in records, and the accept header",
  PAGE_LOOP: "Check the pagination: the API answered with the same page or cursor again",
  TOKEN_REFUSED: "Check the client's id and secret, the refresh token and the scope",
  RATE_LIMITED: "Try again later, or raise --max-wait",
};

/** Compares two readings under the connector's own rules: fields that it ignores make no difference. */
function differenceOf(
  before: ReadonlyMap<string, Seen>,
  after: ReadonlyMap<string, Seen>,
  { records }: PolledSource,
): ReadingDifference {
  const differ = recordDiffer(records);
  const difference: ReadingDifference = { created: [], updated: [], gone: [] };
  for (const [key, { subject, digest, record }] of after) {
    const earlier = before.get(key);
    if (earlier === undefined) difference.created.push(subject);
    else if (earlier.digest !== digest) {
      const fields = Object.keys(differ(earlier.record, record).changes);
      difference.updated.push({ id: subject, fields });
    }
  }
  for (const [key, { subject }] of before) if (!after.has(key)) difference.gone.push(subject);
  return difference;
}
