import { openDatabase } from "../src/postgres/core/database.ts";
import { connectRedis } from "../src/redis/client.ts";
import { redisKeys } from "../src/redis/keys.ts";
import { setHeapGrowth } from "../src/runtime/heap.ts";
import { inTurns } from "../src/runtime/turns.ts";
import type { FetchPages } from "../src/synthetic/fetch/fetched-page.ts";
import { readPage } from "../src/synthetic/fetch/read-page.ts";
import { createPollSource } from "../src/synthetic/poll/poll-source.ts";
import { pageFingerprint } from "../src/synthetic/records/record-reader.ts";
import type { PolledSource } from "../src/synthetic/sources/polled-source.ts";
import { DEFAULT_BOUNDS } from "../src/wiring/bounds.ts";

/**
 * A process that only polls one source of many records, so that its memory is that of a poll: a baseline, a poll that
 * compares every record, one with unchanged pages, and one that finds a hundredth changed. Prints the usage of each as
 * JSON.
 */
const RECORDS = Number(process.env["RECORDS"]);
const PAGE = 100;
const NO_VALUE = "x";

const onError = (error: unknown) => {
  throw error;
};
const { heapGrowthPercent, postgres, redis: redisLimits, poll: bounds } = DEFAULT_BOUNDS;
setHeapGrowth(heapGrowthPercent.polls);
const database = openDatabase({ url: process.env["DATABASE_URL"] ?? "", ...postgres, onError });
const redis = connectRedis({ url: process.env["REDIS_URL"] ?? "", ...redisLimits, onError }, "jobs");

/** A record of 1 KiB, without its id and the value that changes. */
const [BEFORE_ID = "", BEFORE_VALUE = "", AFTER = ""] = JSON.stringify({
  id: "?",
  status: "?",
  currency: "EUR",
  total: 129.95,
  customer: { id: 4711, email: "someone@example.org" },
  tags: ["new", "priority", "export"],
  items: Array.from({ length: 6 }, (_, n) => ({
    sku: `SKU-${1_000 + n}`,
    quantity: n + 1,
    price: 19.99,
    name: "A thing",
  })),
  address: { street: "Long Street 17", city: "Somewhere", zip: "12345", country: "DE" },
  note: "n".repeat(420),
}).split("?");

function pageText(page: number, statusOf: (index: number) => string): Buffer {
  let text = '{"orders":[';
  for (let index = page * PAGE; index < (page + 1) * PAGE; index += 1) {
    const id = `ord_${String(index).padStart(14, "0")}`;
    text += `${index % PAGE === 0 ? "" : ","}${BEFORE_ID}${id}${BEFORE_VALUE}${statusOf(index)}${AFTER}`;
  }
  return Buffer.from(`${text}]}`);
}

/** Reads pages from memory like responses: the fingerprint first, and JSON only if it has changed. */
function pagesOf(version: string, statusOf: (index: number) => string): FetchPages {
  return async function* ({ memory }) {
    for (let page = 0; page < RECORDS / PAGE; page += 1) {
      const ref = `p:${page}`;
      const body = pageText(page, statusOf);
      const fingerprint = pageFingerprint(body, version).toString("base64");
      const isUnchanged = memory(ref)?.fingerprint === fingerprint;
      const read = isUnchanged ? undefined : await inTurns(readPage(body, { recordsPath: "orders" }));
      yield {
        ref,
        readAtMs: Date.now(),
        total: undefined,
        memory: { fingerprint, records: PAGE },
        records: read?.kind === "page" ? read.records : undefined,
        bytes: body.length,
      };
    }
    return { end: { kind: "last_page" }, requests: RECORDS / PAGE, rateLimit: undefined };
  };
}

let fence = 0;

async function poll(
  name: string,
  over: Partial<PolledSource>,
  statusOf: (index: number) => string,
): Promise<void> {
  fence += 1;
  const source: PolledSource = {
    tenantId: "bench",
    source: "orders",
    connector: "shop",
    entity: "order",
    version: "1",
    fetch: { kind: "code", handler: "bench", params: {}, credentials: {} },
    records: { id: "id" },
    updatedAt: undefined,
    diff: "none",
    baseline: "silent",
    deletions: { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 0.1, maxCount: 10 },
    ...over,
  };
  const pollSource = createPollSource({
    database,
    redis,
    bounds,
    keys: redisKeys("bench"),
    now: Date.now,
    readSource: async () => source,
    fetchPages: () => pagesOf(source.version, statusOf),
    alerts: { open: async () => {}, resolve: async () => {} },
    onEvents() {},
    onPolled() {},
    onTrouble: onError,
  });
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const pollId = `00000000-0000-7000-8000-${String(fence).padStart(12, "0")}`;
  const claim = { tenantId: "bench", source: "orders", fence, pollId, dueAtMs: Date.now() };
  const outcome = await pollSource(claim, { admit: () => 0, signal: new AbortController().signal });
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const { status, records, updated, error } = outcome ?? {};
  if (status !== "ok" || records !== RECORDS)
    throw new Error(`The poll ended ${status}: ${JSON.stringify(error)}`);
  const cpuSeconds = (user + system) / 1e6;
  const maxRssMiB = process.resourceUsage().maxRSS / 1_024;
  console.log(JSON.stringify({ name, seconds, cpuSeconds, updated, maxRssMiB }));
}

await poll("baseline", {}, () => NO_VALUE);
await poll("compared", { version: "2" }, () => NO_VALUE);
await poll("unchanged", { version: "2" }, () => NO_VALUE);
await poll("changed", { version: "3" }, (index) => (index % 100 === 0 ? "y" : NO_VALUE));
redis.disconnect();
await database.close();
