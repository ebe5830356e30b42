import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import pg from "pg";
import { type EmbeddedStores, startEmbeddedStores } from "../src/embedded/stores.ts";
import { createLogger } from "../src/runtime/logger.ts";
import { startTemporaryStores } from "../test/support/temporary-stores.ts";
import { benchRecords } from "./canonical.ts";
import { benchDeadLetters } from "./dead-letters.ts";
import { benchDispatch } from "./dispatch.ts";
import { benchHangingRuns } from "./hanging-runs.ts";
import { benchMatching } from "./matching.ts";
import { benchLists, benchStrangers } from "./neighbours.ts";
import { benchPipeline } from "./pipeline.ts";
import { benchPollSchedule } from "./poll-schedule.ts";
import { benchPollPolicy } from "./polling-policy.ts";
import { benchPollRecords } from "./polling-records.ts";
import { benchReceive } from "./receive.ts";
import { benchRouterStart } from "./router-start.ts";
import type { BenchStores, Row } from "./servers.ts";
import { benchStalls } from "./stalls.ts";
import { benchStock } from "./stock.ts";
import { benchVerification } from "./verification.ts";

/**
 * Runs all benchmarks, or the named ones, as ratios to limits measured in the same run. Prints a table, and writes the
 * figures to bench/results/. A row that misses its bar is marked, and makes the exit code non-zero.
 */
const BENCHMARKS: Readonly<Record<string, () => Promise<Row[]>>> = {
  verification: async () => benchVerification(),
  matching: async () => benchMatching(),
  stalls: benchStalls,
  records: async () => benchRecords(),
  policy: benchPollPolicy,
  polls: withStores(benchPollSchedule),
  snapshots: withStores(benchPollRecords),
  routers: withStores(benchRouterStart),
  dispatch: withStores(benchDispatch),
  "dead-letters": withStores(benchDeadLetters),
  strangers: withStores(benchStrangers),
  questions: withStores(benchLists),
  receive: withStores(benchReceive),
  pipeline: withStores(benchPipeline),
  "hanging-runs": withStores(benchHangingRuns),
  stock: benchStock,
  "receive-stock": withStockStores(benchReceive),
  "pipeline-stock": withStockStores(benchPipeline),
};

/** WAL segments for reuse: more than a benchmark fills. */
const OLD_SEGMENTS = 96;

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(BENCHMARKS);
const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown === undefined) report(await runAll());
else {
  console.error(`No benchmark ${unknown}: use one or more of ${Object.keys(BENCHMARKS).join(", ")}.`);
  process.exitCode = 2;
}

async function runAll(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of names) rows.push(...((await BENCHMARKS[name]?.()) ?? []));
  return rows;
}

function withStores(bench: (stores: BenchStores) => Promise<Row[]>): () => Promise<Row[]> {
  return async () => {
    const dataDir = mkdtempSync(`${tmpdir()}/headrace-bench-`);
    // The stores' user has to enter the directory.
    chmodSync(dataDir, 0o711);
    const stores = await startCountingStores(dataDir);
    try {
      return await bench(stores);
    } finally {
      await stores.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  };
}

/** The same rows on the machine's own PostgreSQL with its defaults, except for counting statements. */
function withStockStores(bench: (stores: BenchStores) => Promise<Row[]>): () => Promise<Row[]> {
  return async () => {
    const stores = await startTemporaryStores({ stock: true });
    try {
      const client = new pg.Client(stores.superuserUrl);
      await client.connect();
      await client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
      await client.end();
      await stores.postgres.restart();
      await letOwnerCount(stores.superuserUrl);
      return (await bench(stores)).map((row) => ({ ...row, name: `stock: ${row.name}` }));
    } finally {
      await stores.remove();
    }
  };
}

/**
 * Stores that count their statements, which needs a setting at the start, and whose WAL has been written through once:
 * a store that has run for a day reuses segments, while a new one allocates 16 MiB at a time and every commit waits.
 */
async function startCountingStores(dataDir: string): Promise<EmbeddedStores> {
  const start = () => startEmbeddedStores({ dataDir, log: createLogger("error") });
  const first = await start();
  const client = new pg.Client(first.superuserUrl);
  await client.connect();
  await client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  await client.query(`ALTER SYSTEM SET min_wal_size = '${OLD_SEGMENTS * 16}MB'`);
  await client.query(`ALTER SYSTEM SET max_wal_size = '${OLD_SEGMENTS * 32}MB'`);
  await client.query("SELECT pg_reload_conf()");
  const write =
    "SELECT pg_logical_emit_message(false, 'bench', repeat('x', 1048576)) FROM generate_series(1, $1)";
  await client.query(write, [OLD_SEGMENTS * 16]);
  await client.query("CHECKPOINT");
  await client.end();
  await first.stop();
  const second = await start();
  await letOwnerCount(second.superuserUrl);
  return second;
}

/** Lets the program's user see the counted statements of every user. */
async function letOwnerCount(superuserUrl: string): Promise<void> {
  const client = new pg.Client(new URL("/headrace", superuserUrl).href);
  await client.connect();
  await client.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
  await client.query("GRANT pg_read_all_stats TO headrace");
  await client.end();
}

function report(rows: readonly Row[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const row of rows) {
    const bar =
      row.bar === undefined
        ? ""
        : `bar ${row.bar.atLeast === undefined ? `<= ${row.bar.atMost}` : `>= ${row.bar.atLeast}`}`;
    console.log(
      `${row.name.padEnd(width)}  ${String(row.value).padStart(10)} ${row.unit.padEnd(10)} ${meetsBar(row) ? "  " : "!!"} ${bar}`,
    );
  }
  mkdirSync("bench/results", { recursive: true });
  const file = `bench/results/${new Date().toISOString().replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
  console.log(`\nWritten to ${file}`);
  if (!rows.every(meetsBar)) process.exitCode = 1;
}

function meetsBar({ value, bar }: Row): boolean {
  return (
    value >= (bar?.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (bar?.atMost ?? Number.POSITIVE_INFINITY)
  );
}
