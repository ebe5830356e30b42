import { Cluster, Redis } from "ioredis";
export type RedisClient = Redis | Cluster;
/**
 * request: a command is answered, or fails, within `commandTimeoutMs`; it is never queued while Redis is away and
 * never sent twice, since the second answer would not be the first one's.
 * blocking: waits in XREADGROUP; on a connection of its own.
 * jobs: as BullMQ demands it.
 */
export type RedisUse = "request" | "blocking" | "jobs";
export interface RedisSettings {
    /** `redis://`, `rediss://`, or a comma-separated list of the nodes of a cluster. */
    url: string;
    connectTimeoutMs: number;
    commandTimeoutMs: number;
    onError: (error: Error) => void;
}
export declare function connectRedis(settings: RedisSettings, use: RedisUse): RedisClient;
