import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { startEmbeddedStores } from "../src/embedded/stores.ts";
import { createLogger } from "../src/runtime/logger.ts";
import { benchRecords } from "./canonical.ts";
import { benchPipeline, type Row } from "./pipeline.ts";
import { benchPollPolicy } from "./polling-policy.ts";

/**
 * Every benchmark, as ratios to limits that are measured in the same run, or the parts that the arguments name. Prints
 * a table, writes the figures to bench/results/, and misses no bar silently: a row below its bar is marked, and the
 * exit code says so.
 */
const PARTS: Record<string, () => Row[] | Promise<Row[]>> = {
  pipeline: () => onStores(benchPipeline),
  records: benchRecords,
  policy: benchPollPolicy,
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
const unknown = wanted.filter((part) => !Object.hasOwn(PARTS, part));
if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(", ")}: use ${Object.keys(PARTS).join(", ")}.`);
  process.exit(2);
}
const rows: Row[] = [];
for (const part of wanted) rows.push(...((await PARTS[part]?.()) ?? []));
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

async function onStores(bench: (stores: Awaited<ReturnType<typeof startEmbeddedStores>>) => Promise<Row[]>) {
  const dataDir = mkdtempSync(`${tmpdir()}/headrace-bench-`);
  // The stores' own user has to enter it.
  chmodSync(dataDir, 0o711);
  const stores = await startEmbeddedStores({ dataDir, log: createLogger("error") });
  try {
    return await bench(stores);
  } finally {
    await stores.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function meetsBar({ value, bar }: { value: number; bar?: { atLeast?: number; atMost?: number } }): boolean {
  return (
    value >= (bar?.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (bar?.atMost ?? Number.POSITIVE_INFINITY)
  );
}
