import { Cluster } from "ioredis";
import type { RedisClient } from "./client.ts";

/**
 * Returns whether Redis still has all data that was written to it. The sentinel key contains the run id of the server. It
 * is missing after a FLUSHALL or a start without data, and differs after a restart or a failover. It is written again once
 * the outbox leases were ended, or the schedule was rebuilt.
 */
export async function isRedisIntact(redis: RedisClient, sentinel: string): Promise<boolean> {
  const [kept, runId] = await Promise.all([redis.get(sentinel), readRunId(redis)]);
  return kept === runId;
}

/** Writes the sentinel, after Redis was brought in line with PostgreSQL. */
export async function markRedisIntact(redis: RedisClient, sentinel: string): Promise<void> {
  await redis.set(sentinel, await readRunId(redis));
}

const RUN_ID_OF_CLUSTER = "cluster";

/** Returns the run id of the server process. A cluster has several, so there only the presence of the sentinel counts. */
async function readRunId(redis: RedisClient): Promise<string> {
  if (redis instanceof Cluster) return RUN_ID_OF_CLUSTER;
  const info = await redis.info("server");
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? "";
}
