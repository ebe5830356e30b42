import type { WebhookLimits } from "../http/webhooks.ts";
import type { BreakerLimits } from "../pipeline/execute/breakers.ts";
import type { RunLogLimits } from "../pipeline/execute/code-log.ts";
import type { StepLimits } from "../pipeline/execute/code-steps.ts";
import type { ExecutorLimits } from "../pipeline/execute/executor.ts";
import type { SharedBoundsLimits } from "../pipeline/execute/shared-bounds.ts";
import type { SweeperLimits } from "../pipeline/execute/sweeper.ts";
import type { WorkerLimits } from "../pipeline/execute/workers.ts";
import type { RelayLimits } from "../pipeline/fanout/relay.ts";
import type { AcceptorLimits } from "../pipeline/receive/acceptor.ts";
import type { LookUpLimits } from "../pipeline/receive/endpoint-cache.ts";
import type { RejectionLogLimits } from "../pipeline/receive/rejection-log.ts";
import type { TenantQuotaLimits } from "../pipeline/receive/tenant-quota.ts";
import type { BackfillLimits } from "../pipeline/route/backfill.ts";
import type { RouterLimits } from "../pipeline/route/router.ts";
import type { TickerLimits } from "../schedule/ticker.ts";

/** Every bound of one process, with its unit. docs/operating says which to turn, and when. */
export interface Limits {
  accept: AcceptorLimits;
  /** Endpoints kept in memory, unknown ones among them. */
  maxEndpoints: number;
  /** Of endpoints and accounts that are not kept. */
  lookUps: LookUpLimits;
  /** How long a committed delivery is remembered in Redis, s. PostgreSQL remembers it for its whole window. */
  seenSeconds: number;
  relay: RelayLimits;
  route: RouterLimits;
  backfill: BackfillLimits;
  execute: ExecutorLimits & { heartbeatMs: number; maxFlowVersions: number; codeTimeoutMs: number };
  /** Calls to one target (scheme, host and port) of one tenant that are under way at once, over all processes. */
  targetConcurrency: number;
  /** How processes share the bounds of tenants and targets. */
  sharedBounds: SharedBoundsLimits;
  breakers: BreakerLimits;
  /** Breakers that are closed are forgotten when their last failure is older, ms. */
  oldBreakers: { maxAgeMs: number; batchSize: number; intervalMs: number };
  /** Runs that are woken at once when a breaker closes; the others come when their hold ends. */
  maxWokenRuns: number;
  /** Of code flows: what is kept of a run's steps and of its log. */
  steps: StepLimits;
  runLog: RunLogLimits;
  /** The wait between two looks whether the flows folder has changed, ms. */
  reloadMs: number;
  workers: WorkerLimits;
  sweep: SweeperLimits;
  schedule: TickerLimits;
  /** The wait between two looks whether Redis lost what was published, ms. */
  redisWatchMs: number;
  /** At most one notice to other processes' relays in this time, ms. */
  notifyIntervalMs: number;
  partitions: { daysAhead: number; intervalMs: number };
  expiredKeys: { batchSize: number; intervalMs: number };
  postgres: {
    maxIngestConnections: number;
    maxPipelineConnections: number;
    maxApiConnections: number;
    connectTimeoutMs: number;
    statementTimeoutMs: number;
  };
  redis: { connectTimeoutMs: number; commandTimeoutMs: number };
  webhooks: WebhookLimits;
  quota: TenantQuotaLimits;
  rejections: RejectionLogLimits;
  /** Rejections are deleted when they are older, ms, or more. */
  oldRejections: { maxAgeMs: number; maxRows: number; batchSize: number; intervalMs: number };
  /** Deliveries are answered 503 while the oldest event that is not routed is older, ms; looked at in this interval, ms. */
  backlogAge: { maxMs: number; intervalMs: number };
  /** Deliveries are answered 503 while the first that waits for its commit, or to be looked up, waits longer, ms. */
  maxCommitWaitMs: number;
  /** How long a person may read a token that a handshake brought, s. */
  shownSecretSeconds: number;
  /** How long requests, then runs, may take to end when the process stops, ms. */
  drainMs: { requests: number; runs: number };
}

export const DEFAULT_LIMITS: Limits = {
  accept: { maxDeliveries: 64, maxBytes: 1_048_576, inFlight: 1, maxWaiting: 2_000 },
  maxEndpoints: 10_000,
  lookUps: { maxItems: 500, inFlight: 1, maxWaiting: 20_000 },
  seenSeconds: 600,
  relay: {
    drainMs: 500,
    minEvents: 256,
    maxEvents: 5_000,
    batchSize: 500,
    maxTenants: 64,
    leaseMs: 8_000,
    idleMs: 250,
    depthMs: 50,
    fullMs: 10,
  },
  route: {
    batchSize: 250,
    blockMs: 1_000,
    runLeaseMs: 10_000,
    maxRunsPerJob: 32,
    takeOverMs: 15_000,
    forgetMs: 60_000,
  },
  backfill: { batchSize: 500, idleMs: 1_000, settleMs: 15_000 },
  execute: {
    leaseMs: 15_000,
    heartbeatMs: 4_000,
    batchSize: 128,
    gatedBatchSize: 8,
    inFlight: 2,
    maxFlowVersions: 10_000,
    codeTimeoutMs: 60_000,
    holdMs: 15_000,
    runLeaseMs: 10_000,
    tenantConcurrency: 1_000,
  },
  targetConcurrency: 200,
  sharedBounds: {
    statedMs: 4_000,
    ttlMs: 15_000,
    spare: 32,
    settleMs: 20,
    aloneMs: 1_000,
    minDelayMs: 100,
    maxDelayMs: 30_000,
  },
  breakers: {
    failures: 25,
    failingMs: 3_000,
    openMs: 5_000,
    maxOpenMs: 300_000,
    maxRetryAfterMs: 3_600_000,
    probeMs: 45_000,
    watchedMs: 60_000,
    maxWatched: 10_000,
    unknownMs: 1_000,
  },
  oldBreakers: { maxAgeMs: 30 * 86_400_000, batchSize: 1_000, intervalMs: 3_600_000 },
  maxWokenRuns: 1_000,
  steps: { maxSteps: 1_000, maxResultBytes: 262_144, maxRunBytes: 1_048_576 },
  runLog: { maxLines: 500, maxBytes: 65_536, maxLineBytes: 8_192, maxAttempts: 10, flushMs: 1_000 },
  reloadMs: 500,
  workers: {
    concurrency: { 1: 16, 2: 16, 3: 8, 4: 4 },
    lockMs: 30_000,
    watchMs: 2_000,
    stuckMs: 15_000,
    closeMs: 5_000,
  },
  sweep: {
    batchSize: 500,
    runLeaseMs: 10_000,
    maxRunsPerJob: 32,
    maxWaitingJobs: 1_000,
    idleMs: 1_000,
    minWaitMs: 10,
  },
  schedule: { batchSize: 100, maxTicks: 60, onTimeMs: 30_000, idleMs: 1_000, minWaitMs: 10 },
  redisWatchMs: 1_000,
  notifyIntervalMs: 10,
  partitions: { daysAhead: 7, intervalMs: 3_600_000 },
  expiredKeys: { batchSize: 1_000, intervalMs: 60_000 },
  postgres: {
    maxIngestConnections: 3,
    maxPipelineConnections: 8,
    maxApiConnections: 5,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
  },
  redis: { connectTimeoutMs: 2_000, commandTimeoutMs: 2_000 },
  webhooks: {
    maxBodyBytes: 26_214_400,
    maxBodiesBytes: 268_435_456,
    requestsPerSecond: 200,
    maxAddresses: 10_000,
    limitLoopback: false,
    maxEventLoopDelayMs: 300,
    rejectionStepMs: 20,
  },
  quota: { timeoutMs: 30, restMs: 1_000, backlogMs: 250, maxTenants: 10_000 },
  rejections: { maxRows: 200, intervalMs: 1_000 },
  oldRejections: { maxAgeMs: 7 * 86_400_000, maxRows: 100_000, batchSize: 1_000, intervalMs: 60_000 },
  backlogAge: { maxMs: 6 * 3_600_000, intervalMs: 1_000 },
  maxCommitWaitMs: 2_000,
  shownSecretSeconds: 86_400,
  drainMs: { requests: 4_000, runs: 7_000 },
};
