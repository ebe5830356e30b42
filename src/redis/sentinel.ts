import { Cluster } from "ioredis";
import type { RedisClient } from "./client.ts";

/**
 * Whether what was put into Redis is still there. The sentinel, a key, is written after the leases of a lost Redis
 * were ended, or a lost schedule was built again. It holds the run id of the server that it was written to: it is
 * missing after a FLUSHALL or a start from nothing, and another's after a restart or a failover.
 */
export async function isRedisIntact(redis: RedisClient, sentinel: string): Promise<boolean> {
  const [kept, runId] = await Promise.all([redis.get(sentinel), readRunId(redis)]);
  return kept === runId;
}

/** Says that what PostgreSQL has matches what is in Redis from now on. */
export async function markRedisIntact(redis: RedisClient, sentinel: string): Promise<void> {
  await redis.set(sentinel, await readRunId(redis));
}

const RUN_ID_OF_CLUSTER = "cluster";

/** Which process the server is. A cluster has many; there the sentinel's presence alone counts. */
async function readRunId(redis: RedisClient): Promise<string> {
  if (redis instanceof Cluster) return RUN_ID_OF_CLUSTER;
  const info = await redis.info("server");
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? "";
}
