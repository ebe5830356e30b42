import type { Queryable } from "../../postgres/database.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { Step } from "../../runtime/loop.ts";
import { type HighWaterLimits } from "./high-water.ts";
export interface RelayLimits extends HighWaterLimits {
    /** Events claimed at once, over all lanes. */
    batchSize: number;
    /** Tenants that one claim walks in one lane. */
    maxTenants: number;
    /** How long a claimed event stays with the consumers before it is published again, ms. */
    leaseMs: number;
    /** The wait while there is nothing to do and nobody wakes the relay, ms. */
    idleMs: number;
    /** The wait while the consumers have all they may have, ms. */
    fullMs: number;
}
/**
 * One step of fan-out: sees how much room the consumers have, claims due events that fit in, and publishes their
 * ids. The claim is committed before the ids are published: a crash between the two leaves a lease that ends.
 */
export declare function createRelay(deps: {
    database: Queryable;
    redis: RedisClient;
    keys: RedisKeys;
    queues: JobQueues;
    limits: RelayLimits;
    now: () => number;
    onPublished: (events: number) => void;
}): Step;
