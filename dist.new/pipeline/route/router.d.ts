import { type Queryable } from "../../postgres/database.ts";
import type { RedisClient } from "../../redis/client.ts";
import { type JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { Step } from "../../runtime/loop.ts";
import { type Normalize } from "./decide.ts";
import type { DeployedFlows } from "./deployed-flows.ts";
export interface RouterLimits {
    /** Events read at once from each lane's stream. */
    batchSize: number;
    /** How long one read waits for the first event, ms. */
    blockMs: number;
    /** How long a run's job may be on its way before the run is queued again, ms. */
    runLeaseMs: number;
    /** Runs of one flow and lane that share a job. */
    maxRunsPerJob: number;
    /** Entries that a consumer has held this long without acknowledging are taken over, ms. */
    takeOverMs: number;
    /** A consumer that holds nothing and was not heard of for this long is forgotten, ms. */
    forgetMs: number;
}
export interface RouterDeps {
    database: Queryable;
    redis: RedisClient;
    /** Waits in reads; used by nothing else. */
    blocking: RedisClient;
    keys: RedisKeys;
    queues: JobQueues;
    flows: DeployedFlows;
    normalize: Normalize;
    /** This router among the consumers of the group. */
    consumer: string;
    limits: RouterLimits;
    onRouted: (counts: {
        routed: number;
        unmatched: number;
        dead: number;
        runs: number;
    }) => void;
}
/** One step of routing: reads a batch of ids, the first lane first, and routes it. */
export declare function createRouter(deps: RouterDeps): Step;
/** One step of tidying: routes what dead consumers left behind, and forgets them. */
export declare function createTakeOver(deps: RouterDeps): Step;
