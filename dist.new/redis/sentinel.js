import { Cluster } from "ioredis";
/**
 * Whether what was published is still in Redis. The sentinel is written after the leases of a lost Redis were
 * ended, and holds the run id of the server that it was written to: it is missing after a FLUSHALL or a start from
 * nothing, and another's after a restart or a failover.
 */
export async function isRedisIntact(redis, keys) {
    const [kept, runId] = await Promise.all([redis.get(keys.sentinel), readRunId(redis)]);
    return kept === runId;
}
/** Says that the leases match what is in Redis from now on. */
export async function markRedisIntact(redis, keys) {
    await redis.set(keys.sentinel, await readRunId(redis));
}
const RUN_ID_OF_CLUSTER = "cluster";
/** Which process the server is. A cluster has many; there the sentinel's presence alone counts. */
async function readRunId(redis) {
    if (redis instanceof Cluster)
        return RUN_ID_OF_CLUSTER;
    const info = await redis.info("server");
    return /^run_id:(\w+)/m.exec(info)?.[1] ?? "";
}
//# sourceMappingURL=sentinel.js.map