import { createBulkReplays } from "../src/dead-letters/bulk-replay.ts";
import { type Database, openDatabase } from "../src/postgres/core/database.ts";
import { countForReplay, findBulk, insertBulk } from "../src/postgres/dead-letters/bulk-replay.ts";
import { type DeadLetterFilter, listDeadLetters } from "../src/postgres/dead-letters/dead-letters.ts";
import type { QueuedRun } from "../src/postgres/runs/replay.ts";
import { claimRuns, finishRuns } from "../src/postgres/runs/runs.ts";
import { migrate } from "../src/postgres/schema/migrate.ts";
import { ensurePartitions } from "../src/postgres/schema/partitions.ts";
import { type BenchStores, type Row, row } from "./servers.ts";

const LETTERS = 100_000;
const PAYLOAD_BYTES = 1_024;
/** Runs that the workers of this process finish in one statement. */
const WORKER_BATCH = 128;

const NO_FILTER: Omit<DeadLetterFilter, "limit"> = {
  tenantId: "bench",
  flowId: undefined,
  connector: undefined,
  stage: undefined,
  status: undefined,
  fingerprint: undefined,
  sinceId: undefined,
  untilId: undefined,
  beforeId: undefined,
  maxBytes: 8_388_608,
};

/** Measures 100,000 dead letters: a page of the list, a count by filter, and a replay of all without a rate. */
export async function benchDeadLetters(stores: BenchStores): Promise<Row[]> {
  await migrate({ url: stores.databaseUrl, directory: "migrations" });
  const database = openDatabase({
    url: stores.databaseUrl,
    maxIngestConnections: 1,
    maxPipelineConnections: 2,
    maxApiConnections: 2,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 120_000,
    onError: () => {},
    maxTenantConnections: 1,
    maxConnectionWaitMs: 60_000,
    maxWaitingTransactions: 10,
    maxAccessConnections: 1,
    transactionStatementTimeoutMs: 120_000,
  });
  try {
    await ensurePartitions(database.pipeline, 1);
    await fill(database);
    const list = (over: Partial<DeadLetterFilter>) => () =>
      database.withTenant("bench", (transaction) =>
        listDeadLetters(transaction, { ...NO_FILTER, limit: 50, ...over }),
      );
    const count = () =>
      database.withTenant("bench", (transaction) => countForReplay(transaction, "bench", { flow: "f" }));
    const rows = [
      row("dead letters: a page of 50", await medianMs(list({})), "ms"),
      row("dead letters: a page of 50 by fingerprint", await medianMs(list({ fingerprint: "p7" })), "ms"),
      row("dead letters: a page of 1,000", await medianMs(list({ limit: 1_000 })), "ms"),
      row("dead letters: a dry run that finds 100,000", await medianMs(count), "ms"),
    ];
    const replayed = await replayAll(database);
    return [
      ...rows,
      row("dead letters: 100,000 replayed by filter until the end", replayed.seconds, "s"),
      row("  of that for starting them", replayed.beginSeconds, "s"),
      row("  growth of the process's memory meanwhile", replayed.grownMiB, "MiB", { atMost: 200 }),
    ];
  } finally {
    await database.close();
  }
}

async function fill(database: Database): Promise<void> {
  const statements = [
    "INSERT INTO tenants (id) VALUES ('bench')",
    `INSERT INTO flows (tenant_id, id, version, deployed_version, signing_sealed, signing_key_id)
      VALUES ('bench', 'f', 1, 1, '', '')`,
    `INSERT INTO flow_versions (tenant_id, flow_id, version, definition) VALUES ('bench', 'f', 1, '{}')`,
    `INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, received_at, delivery_key,
        content_type, flows_counter, payload)
      SELECT uuid7(clock_us()), 'bench', 'shop', 'default', 'order.paid', 'webhook', 2, now(), 'd' || n,
        'application/json', 1, convert_to('"' || repeat(md5(n::text), ${PAYLOAD_BYTES / 32}) || '"', 'UTF8')
      FROM generate_series(1, ${LETTERS}) n`,
    `INSERT INTO verdicts (event_id, tenant_id, status) SELECT id, tenant_id, 'routed' FROM events`,
    `INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, event_type, source, delivery_key, item,
        flow_id, stage, event_payload, content_type, error_message, error_context, fingerprint)
      SELECT tenant_id, connector, endpoint, id, type, source, delivery_key, item, 'f', 'execute', payload,
        content_type, 'The target answered 503', '{"stage": "execute", "stack": null}', 'p' || (random() * 99)::int
      FROM events`,
    "ANALYZE",
  ];
  for (const text of statements) await database.pipeline.query({ text });
}

async function replayAll(database: Database) {
  const filter = { flow: "f" };
  const id = await database.withTenant("bench", (transaction) =>
    insertBulk(transaction, { tenantId: "bench", filter, ratePerSecond: 1_000_000_000, count: LETTERS }),
  );
  const queued: QueuedRun[] = [];
  const step = createBulkReplays({
    database,
    replay: { leaseMs: 60_000 },
    bounds: {
      canary: 5,
      maxFailures: 0.5,
      minOutcomes: 20,
      recentOutcomes: 100,
      firstPerSecond: 1_000_000_000,
      doubleMs: 1,
      maxInFlight: 1_000,
      batchSize: 250,
      stepMs: 1,
      maxBytes: 8_388_608,
      idleMs: 1,
    },
    queue: (runs) => void queued.push(...runs),
    onStep() {},
  });
  const before = process.memoryUsage().rss;
  let [most, beginMs] = [before, 0];
  const startedMs = performance.now();
  for (;;) {
    const stepMs = performance.now();
    await step(new AbortController().signal);
    beginMs += performance.now() - stepMs;
    while (queued.length > 0) await work(database, queued.splice(0, WORKER_BATCH));
    most = Math.max(most, process.memoryUsage().rss);
    const bulk = await database.withTenant("bench", (transaction) => findBulk(transaction, "bench", id));
    if (bulk?.finishedAt === undefined) continue;
    if (bulk.succeeded !== LETTERS) throw new Error(`${bulk.succeeded} of ${LETTERS} were replayed`);
    return {
      seconds: (performance.now() - startedMs) / 1_000,
      beginSeconds: beginMs / 1_000,
      grownMiB: (most - before) / 1_048_576,
    };
  }
}

/** Finishes runs like a worker with an empty action. */
async function work(database: Database, runs: readonly QueuedRun[]): Promise<void> {
  const claim = await claimRuns(
    database.pipeline,
    runs.map((run) => run.id),
    60_000,
  );
  const ended = {
    errorCode: undefined,
    errorMessage: undefined,
    errorContext: undefined,
    fingerprint: undefined,
  };
  await finishRuns(
    database.pipeline,
    claim.runs.map((run) => ({
      ...run,
      ...ended,
      state: "succeeded",
      retryDelayMs: 0,
      durationMs: 0,
      responseStatus: undefined,
    })),
  );
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const startedMs = performance.now();
    await work();
    times.push(performance.now() - startedMs);
  }
  return times.sort((a, b) => a - b)[3] as number;
}
