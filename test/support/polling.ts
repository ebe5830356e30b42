import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import { writeJson } from "../../src/domain/json/exact-number.ts";
import { readJson } from "../../src/domain/json/parse-text.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { uuid7Floor } from "../../src/postgres/schema/partitions.ts";
import { connectRedis, type RedisClient } from "../../src/redis/client.ts";
import { type RedisKeys, redisKeys } from "../../src/redis/keys.ts";
import type { FetchEnd, FetchPages } from "../../src/synthetic/fetch/fetched-page.ts";
import type { PollAlert } from "../../src/synthetic/poll/end-poll.ts";
import type { PollBounds, Reached } from "../../src/synthetic/poll/poll-context.ts";
import type { PollOutcome } from "../../src/synthetic/poll/poll-outcome.ts";
import { createPollSource } from "../../src/synthetic/poll/poll-source.ts";
import { pageFingerprint } from "../../src/synthetic/records/record-reader.ts";
import type { PolledSource } from "../../src/synthetic/sources/polled-source.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { migratedDatabase } from "./database.ts";
import { testRedisUrl } from "./stores.ts";

/** A page as a provider would return it. Pages after a "failed" one are not read. */
export type Answer = { records: readonly unknown[]; total?: number; atMs?: number } | "failed";

/** The pages of one poll, from 0; a function creates them on request. */
export type Answers = readonly Answer[] | ((page: number) => Answer | undefined);

/** A stored event of a poll. */
export interface PolledEvent {
  id: string;
  type: string;
  subject: string;
  data: unknown;
  synthetic: Record<string, unknown>;
}

/** Sources that are polled from memory, over real stores. */
export interface Polling {
  url: string;
  database: Database;
  redis: RedisClient;
  keys: RedisKeys;
  /** The source of the next polls. */
  source: PolledSource;
  bounds: PollBounds;
  /** The poll's clock, Unix ms. Advances by a minute after every poll. */
  nowMs: number;
  /** Called at each failpoint of a poll. */
  reached: Reached | undefined;
  /** Replaces the answers of the next polls. */
  fetchPages: ((source: PolledSource) => FetchPages) | undefined;
  alerts: string[];
  troubles: unknown[];
  /** Counts all pages, and those that were not parsed. */
  read: { pages: number; unchanged: number };
  poll(answers?: Answers, options?: PollAnswers): Promise<PollOutcome & { events: string[] }>;
  /** Polls and returns the plain outcome. */
  begin(answers?: Answers, options?: PollAnswers): Promise<PollOutcome | undefined>;
  /** Returns the events so far, the oldest first. */
  events(): Promise<PolledEvent[]>;
  reported(): Promise<string[]>;
  /** Returns another source over the same stores, which may be polled at the same time. */
  another(source: string): Polling;
  /** Uses other connections from now on. */
  useDatabase(database: Database): void;
}

/** How the pages of a poll end and overlap, and the fence of its claim. */
export interface PollAnswers {
  end?: FetchEnd;
  /** Pages begin with the last record of the one before. */
  overlapping?: boolean;
  fence?: number;
}

/** Returns a source with 100 records per page and the id `id`, without confirmation polls, that keeps values. */
export async function polling(
  over: Partial<PolledSource> = {},
  bounds: Partial<PollBounds> = {},
): Promise<Polling> {
  const { url, database } = await migratedDatabase();
  const settings = {
    url: testRedisUrl(),
    connectTimeoutMs: 2_000,
    commandTimeoutMs: 5_000,
    onError: () => {},
  };
  const redis = connectRedis(settings, "jobs");
  const installation = randomBytes(6).toString("hex");
  const keys = redisKeys(installation);
  onTestFinished(async () => {
    const own = await redis.keys(`headrace:{${installation}:*`);
    for (const key of own) await redis.del(key);
    redis.disconnect();
  });
  return harnessOf({
    url,
    database,
    redis,
    keys,
    nowMs: Date.now(),
    source: { ...SOURCE, ...over },
    bounds: { ...DEFAULT_BOUNDS.poll, ...bounds },
  });
}

function harnessOf(
  given: Pick<Polling, "url" | "database" | "redis" | "keys" | "nowMs" | "source" | "bounds">,
): Polling {
  const { database, keys } = given;
  const fences = new Map<string, number>();
  let from: Database = database;

  const harness: Polling = {
    ...given,
    reached: undefined,
    fetchPages: undefined,
    alerts: [],
    troubles: [],
    read: { pages: 0, unchanged: 0 },
    another: (source) => harnessOf({ ...given, nowMs: Date.now(), source: { ...given.source, source } }),
    async begin(answers = [], options = {}) {
      const { source } = harness;
      const fence = options.fence ?? (fences.get(source.source) ?? 0) + 1;
      fences.set(source.source, Math.max(fence, fences.get(source.source) ?? 0));
      const poll = createPollSource({
        database: from,
        redis: harness.redis,
        keys,
        bounds: harness.bounds,
        now: () => harness.nowMs,
        readSource: async () => source,
        fetchPages: harness.fetchPages ?? (() => pagesOf(harness, answers, options)),
        alerts: {
          open: async (alert: PollAlert) => void harness.alerts.push(`${alert.kind} opened`),
          resolve: async (alert: PollAlert) => void harness.alerts.push(`${alert.kind} resolved`),
        },
        onEvents() {},
        onPolled() {},
        onTrouble: (error) => void harness.troubles.push(error),
        ...(harness.reached !== undefined && { reached: harness.reached }),
      });
      const { tenantId, source: name } = source;
      const pollId = `${uuid7Floor(harness.nowMs).slice(0, 14)}7000-8000-${randomBytes(6).toString("hex")}`;
      const claim = { tenantId, source: name, fence, pollId, dueAtMs: harness.nowMs };
      const outcome = await poll(claim, { admit: () => 0, signal: new AbortController().signal });
      harness.nowMs += 60_000;
      return outcome;
    },
    async poll(answers, options) {
      const before = (await harness.events()).length;
      const outcome = await harness.begin(answers, options);
      if (outcome === undefined) throw new Error("The poll was overtaken");
      const events = (await harness.reported()).slice(before);
      return { ...outcome, events };
    },
    async events() {
      const rows = await database.pipeline.query<PolledEvent & { endpoint: string }>({
        text: `SELECT e.id, e.type, e.subject, convert_from(e.payload, 'UTF8')::json AS data, e.synthetic
          FROM events e JOIN outbox o ON o.event_id = e.id AND o.lane = 4
          WHERE e.source = 'poll' AND e.endpoint = $1 ORDER BY e.id`,
        values: [harness.source.source],
      });
      return rows;
    },
    async reported() {
      return (await harness.events()).map(({ type, subject }) => `${type.split(".").at(-1)} ${subject}`);
    },
    useDatabase(other) {
      from = other;
    },
  };
  return harness;
}

const SOURCE: PolledSource = {
  tenantId: "acme",
  source: "orders",
  connector: "shop",
  entity: "order",
  version: "1.1",
  fetch: { kind: "code", handler: "memory", params: {}, credentials: {} },
  records: { id: "id" },
  updatedAt: undefined,
  diff: "values",
  baseline: "silent",
  deletions: { enabled: true, confirmPolls: 1, graceMs: 0, maxFraction: 0.1, maxCount: 10 },
};

function pagesOf(harness: Polling, answers: Answers, options: PollAnswers): FetchPages {
  return async function* ({ memory }) {
    for (let number = 0; ; number += 1) {
      const answer = typeof answers === "function" ? answers(number) : answers[number];
      const report = { requests: number + 1, rateLimit: undefined };
      if (answer === "failed") {
        const end = { kind: "failed", code: "http_error", message: "500", retryAfterMs: undefined } as const;
        return { ...report, end };
      }
      if (answer === undefined) return { ...report, end: options.end ?? { kind: "last_page" } };
      const ref = `page ${number}`;
      const body = Buffer.from(writeJson(answer.records));
      const fingerprint = pageFingerprint(body, "1").toString("hex");
      const isUnchanged = memory(ref)?.fingerprint === fingerprint;
      harness.read.pages += 1;
      if (isUnchanged) harness.read.unchanged += 1;
      yield {
        ref,
        readAtMs: answer.atMs ?? harness.nowMs,
        total: answer.total,
        records: isUnchanged ? undefined : (readJson(body.toString()) as unknown[]),
        memory: { fingerprint, records: answer.records.length },
        ...(options.overlapping && { overlaps: number > 0 }),
      };
    }
  };
}

/** Returns `count` records with ids from `from` on. */
export function rows(count: number, from = 0): { id: number; value: number }[] {
  return Array.from({ length: count }, (_, index) => ({ id: from + index, value: 1 }));
}

/** Splits a list into pages. */
export function pages(records: readonly unknown[], size = 100): Answer[] {
  return Array.from({ length: Math.ceil(records.length / size) }, (_, index) => ({
    records: records.slice(index * size, (index + 1) * size),
  }));
}
