import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { openDatabase } from "../src/postgres/core/database.ts";
import { migrate } from "../src/postgres/schema/migrate.ts";
import { ensurePartitions } from "../src/postgres/schema/partitions.ts";
import { DEFAULT_BOUNDS } from "../src/wiring/bounds.ts";
import { type BenchStores, type Row, row } from "./servers.ts";

const RECORDS = Number(process.env["BENCH_RECORDS"] ?? 1_000_000);

interface Measured {
  name: string;
  seconds: number;
  cpuSeconds: number;
  maxRssMiB: number;
}

/** Polls a source of a million records of 1 KiB, end to end without the network, in a separate process. */
export async function benchPollRecords(stores: BenchStores): Promise<Row[]> {
  await migrate({ url: stores.databaseUrl, directory: "migrations" });
  const database = openDatabase({ url: stores.databaseUrl, ...DEFAULT_BOUNDS.postgres, onError() {} });
  await ensurePartitions(database.pipeline, 1);
  await database.close();
  const redis = new Redis(stores.redisUrl);
  const before = await usedBytes(redis);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [new URL("./record-poller.js", import.meta.url).pathname],
    {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: stores.databaseUrl,
        REDIS_URL: stores.redisUrl,
        RECORDS: String(RECORDS),
      },
    },
  );
  const bytes = ((await usedBytes(redis)) - before) / RECORDS;
  redis.disconnect();
  const polls = new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Measured)
      .map((poll) => [poll.name, poll]),
  );
  const perSecond = (name: string) => RECORDS / (polls.get(name)?.seconds ?? 0);
  const perCore = (name: string) => RECORDS / (polls.get(name)?.cpuSeconds ?? 0);
  return [
    row("baseline of 1M records", perSecond("baseline"), "records/s"),
    row("  on one core", perCore("baseline"), "records/s"),
    row("every record compared", perSecond("compared"), "records/s"),
    row("  on one core", perCore("compared"), "records/s", { atLeast: 50_000 }),
    row("every page unchanged", perSecond("unchanged"), "records/s"),
    row("  on one core", perCore("unchanged"), "records/s", { atLeast: 300_000 }),
    row("1 of 100 records changed", perSecond("changed"), "records/s"),
    row("peak memory of the process", polls.get("changed")?.maxRssMiB ?? 0, "MiB", { atMost: 256 }),
    row("Redis per record, with its page's entry", bytes, "B", { atMost: 60 }),
  ];
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}
