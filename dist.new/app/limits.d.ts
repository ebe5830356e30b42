import type { ExecutorLimits } from "../pipeline/execute/executor.ts";
import type { SweeperLimits } from "../pipeline/execute/sweeper.ts";
import type { WorkerLimits } from "../pipeline/execute/workers.ts";
import type { RelayLimits } from "../pipeline/fanout/relay.ts";
import type { AcceptorLimits } from "../pipeline/receive/acceptor.ts";
import type { RouterLimits } from "../pipeline/route/router.ts";
/** Every bound of one process, with its unit. docs/operating says which to turn, and when. */
export interface Limits {
    accept: AcceptorLimits;
    /** Endpoints kept in memory, unknown ones among them. */
    maxEndpoints: number;
    /** How long a committed delivery is remembered in Redis, s. PostgreSQL remembers it for its whole window. */
    seenSeconds: number;
    relay: RelayLimits;
    route: RouterLimits;
    execute: ExecutorLimits & {
        heartbeatMs: number;
        maxFlowVersions: number;
        codeTimeoutMs: number;
    };
    workers: WorkerLimits;
    sweep: SweeperLimits;
    /** The wait between two looks whether Redis lost what was published, ms. */
    redisWatchMs: number;
    /** At most one notice to other processes' relays in this time, ms. */
    notifyIntervalMs: number;
    partitions: {
        daysAhead: number;
        intervalMs: number;
    };
    expiredKeys: {
        batchSize: number;
        intervalMs: number;
    };
    postgres: {
        maxIngestConnections: number;
        maxPipelineConnections: number;
        maxApiConnections: number;
        connectTimeoutMs: number;
        statementTimeoutMs: number;
    };
    redis: {
        connectTimeoutMs: number;
        commandTimeoutMs: number;
    };
    /** No webhook body is larger, bytes; a scheme's own limit is smaller. */
    maxWebhookBytes: number;
    /** How long requests, then runs, may take to end when the process stops, ms. */
    drainMs: {
        requests: number;
        runs: number;
    };
}
export declare const DEFAULT_LIMITS: Limits;
