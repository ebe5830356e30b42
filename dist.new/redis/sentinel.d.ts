import type { RedisClient } from "./client.ts";
import type { RedisKeys } from "./keys.ts";
/**
 * Whether what was published is still in Redis. The sentinel is written after the leases of a lost Redis were
 * ended, and holds the run id of the server that it was written to: it is missing after a FLUSHALL or a start from
 * nothing, and another's after a restart or a failover.
 */
export declare function isRedisIntact(redis: RedisClient, keys: RedisKeys): Promise<boolean>;
/** Says that the leases match what is in Redis from now on. */
export declare function markRedisIntact(redis: RedisClient, keys: RedisKeys): Promise<void>;
