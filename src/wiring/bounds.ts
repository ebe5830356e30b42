import type { AutoReplayBounds } from "../dead-letters/auto-replay.ts";
import type { BulkBounds } from "../dead-letters/bulk-replay.ts";
import type { RetentionBounds } from "../dead-letters/retention.ts";
import type { WatchBounds } from "../dead-letters/watch-depths.ts";
import type { FlowHostBounds } from "../flow-host/bounds.ts";
import type { KeyUseBounds } from "../http/access/key-use.ts";
import type { WebhookBounds } from "../http/events/webhooks.ts";
import type { HttpBounds } from "../http/server/server.ts";
import type { AlertNoticeBounds } from "../maintain/alert-notices.ts";
import type { FilledTableBounds } from "../maintain/filled-tables.ts";
import type { HistoryBounds } from "../maintain/history.ts";
import type { PurgeBounds } from "../maintain/purge.ts";
import type { RunLogBounds } from "../pipeline/execute/actions/code-log.ts";
import type { StepBounds } from "../pipeline/execute/actions/code-steps.ts";
import type { BreakerBounds } from "../pipeline/execute/breakers.ts";
import type { ExecutorBounds } from "../pipeline/execute/executor.ts";
import type { AdmissionBounds } from "../pipeline/execute/slots/admission.ts";
import type { SharedSemaphoreBounds } from "../pipeline/execute/slots/shared-semaphore.ts";
import type { SweeperBounds } from "../pipeline/execute/sweeper.ts";
import type { WorkerBounds } from "../pipeline/execute/workers.ts";
import type { RelayBounds } from "../pipeline/fanout/relay.ts";
import type { RoutedEventBounds } from "../pipeline/fast-path/routed-events.ts";
import type { AcceptorBounds } from "../pipeline/receive/acceptor.ts";
import type { LookUpBounds } from "../pipeline/receive/endpoint-cache.ts";
import type { RejectionLogBounds } from "../pipeline/receive/rejection-log.ts";
import type { SeenMarkBounds } from "../pipeline/receive/seen-marks.ts";
import type { TenantQuotaBounds } from "../pipeline/receive/tenant-quota.ts";
import type { BackfillBounds } from "../pipeline/route/backfill.ts";
import type { RouterBounds } from "../pipeline/route/router.ts";
import type { DatabaseOptions } from "../postgres/core/database.ts";
import type { TickerBounds } from "../schedule/ticker.ts";
import type { FetchBounds } from "../synthetic/fetch/fetch-pages.ts";
import type { PollBounds } from "../synthetic/poll/poll-context.ts";
import type { PollerBounds } from "../synthetic/poller/poller.ts";
import type { ScheduleWatchBounds } from "../synthetic/poller/schedule-watch.ts";
import { FLOW_HOSTS, RUN_LOG, STEPS } from "./code-bounds.ts";
import type { EncryptionKeyBounds } from "./encryption/encryption-keys.ts";
import type { AcceptingBounds } from "./health/accepting.ts";
import { HTTP_BOUNDS } from "./http-bounds.ts";

/** Every bound of one process. docs/operating explains those that an operator may have to change. */
export interface Bounds {
  /**
   * How far the heap may grow between full collections, in percent of the live objects. A collection takes every core
   * for about 60 ms, in which events wait. A process that receives, routes or executes collects rarely, at the cost of
   * about 100 MiB. A process that only polls collects often, since polls of many records would double its memory.
   */
  heapGrowthPercent: { events: number; polls: number };
  accept: AcceptorBounds;
  /** Endpoints kept in memory, including unknown ones. */
  maxEndpoints: number;
  /** Endpoints of one account whose secrets are tried on a delivery to the URL of an app. */
  maxTriedEndpoints: number;
  /** Look-ups of endpoints and accounts that are not in memory. */
  lookUps: LookUpBounds;
  /** How long Redis remembers a committed delivery, s. PostgreSQL remembers it for its whole window. */
  seenSeconds: number;
  seenMarks: SeenMarkBounds;
  /** Look-ups of the marks of deliveries that wait long. A delivery beyond the bound just waits for its commit. */
  seenLookUps: LookUpBounds;
  relay: RelayBounds;
  route: RouterBounds;
  backfill: BackfillBounds;
  /** Shortcuts between stages in one process. */
  fastPath: {
    /** Events that were routed and whose runs have not started. */
    routedEvents: RoutedEventBounds;
    /** Runs under way that started without a job, at most half of them of one tenant. */
    maxLocalRuns: number;
  };
  execute: ExecutorBounds & {
    heartbeatMs: number;
    maxFlowVersions: number;
    codeTimeoutMs: number;
  };
  /** How tenants share the execution slots of a process. */
  admission: AdmissionBounds;
  /** Concurrent calls of one tenant to one target (scheme, host and port), over all processes. */
  targetConcurrency: number;
  /** How processes share the permits of tenants and targets. */
  sharedSemaphore: SharedSemaphoreBounds;
  breakers: BreakerBounds;
  /** Closed breakers are deleted once their last failure is older than `maxAgeMs`. */
  oldBreakers: { maxAgeMs: number; batchSize: number; intervalMs: number };
  /** Runs that are woken per second when a breaker closes. */
  maxWokenRuns: number;
  /** The stored steps of a run of a code flow. */
  steps: StepBounds;
  /** The stored log of a run of a code flow. */
  runLog: RunLogBounds;
  /** The processes that run handlers. */
  flowHosts: FlowHostBounds;
  /** The interval in which the flows folder is checked for changes, ms. */
  reloadMs: number;
  workers: WorkerBounds;
  sweep: SweeperBounds;
  schedule: TickerBounds;
  poll: PollBounds;
  fetch: FetchBounds;
  /** Requests per second of all pollers together, and their burst. */
  pollBudget: { rate: number; burst: number };
  poller: PollerBounds;
  pollSchedule: Omit<ScheduleWatchBounds, "maxPerTenant">;
  /** The intervals in which the demand of all sources is summed, and the due sources are counted (up to `maxDue`). */
  pollDemand: { intervalMs: number; dueIntervalMs: number; maxDue: number };
  /** Bulk replays of dead letters. */
  bulkReplay: BulkBounds;
  /** Replays of dead letters by policy. */
  autoReplay: AutoReplayBounds;
  /** The interval in which Redis is checked for lost data, ms. */
  redisWatchMs: number;
  /** The shortest interval between two notices to the relays of other processes, ms. */
  notifyIntervalMs: number;
  /** Partitions are made `daysAhead` of today. Every process checks them in this interval. */
  partitions: { daysAhead: number; intervalMs: number };
  expiredKeys: { batchSize: number; intervalMs: number };
  postgres: Omit<DatabaseOptions, "url" | "preparedStatements" | "onError">;
  redis: { connectTimeoutMs: number; commandTimeoutMs: number };
  http: HttpBounds;
  webhooks: WebhookBounds;
  quota: TenantQuotaBounds;
  rejections: RejectionLogBounds;
  /** Rejections beyond this age or number are deleted. */
  oldRejections: { maxAgeMs: number; maxRows: number; batchSize: number; intervalMs: number };
  /** The retention, counters and alerts of dead letters. */
  deadLetters: {
    retention: RetentionBounds;
    watch: WatchBounds;
    /** Tenants with gauges of their own: those with the most dead letters. Bounds the number of labels. */
    maxGaugedTenants: number;
  };
  alertNotices: AlertNoticeBounds;
  /** The analysis of tables whose statistics still say that they are empty. */
  filledTables: FilledTableBounds;
  /** The retention of events and runs. */
  history: HistoryBounds;
  /** The purge of deleted tenants. */
  purge: PurgeBounds;
  /** Resolved alerts are deleted `keptMs` after they were resolved. */
  oldAlerts: { keptMs: number; batchSize: number; intervalMs: number };
  /** Bulk replays are deleted `keptMs` after their end. */
  oldBulkReplays: { keptMs: number; batchSize: number; intervalMs: number };
  /** Audit entries are deleted after `keptMs`. */
  oldAudit: { keptMs: number; batchSize: number; intervalMs: number };
  /** Secrets that one statement of `headrace keys rotate-encryption` re-encrypts. */
  reencrypt: { batchSize: number };
  encryptionKeys: EncryptionKeyBounds;
  keyUse: KeyUseBounds;
  /** The check whether events can be accepted. */
  accepting: AcceptingBounds;
  /** Repeated faults of one kind are logged once per interval, ms. */
  faultLog: { intervalMs: number };
  /** Deliveries get a 503 while the oldest unrouted event is older than `maxMs`. Checked in this interval. */
  backlogAge: { maxMs: number; intervalMs: number };
  /** Deliveries get a 503 while the first waiting delivery has waited longer for its commit or look-up, ms. */
  maxCommitWaitMs: number;
  /** How long the token of a handshake can be read over the API, s. */
  shownSecretSeconds: number;
  /** How long requests, polls and runs may take to end when the process stops, ms, in this order. */
  drainMs: { requests: number; polls: number; runs: number };
}

/** The bounds of `headrace start`. */
export const DEFAULT_BOUNDS: Bounds = {
  heapGrowthPercent: { events: 300, polls: 30 },
  accept: { maxDeliveries: 64, evenAbove: 16, maxBytes: 1_048_576, inFlight: 1, maxWaiting: 2_000 },
  maxEndpoints: 10_000,
  maxTriedEndpoints: 16,
  lookUps: { maxItems: 500, inFlight: 1, maxWaiting: 20_000 },
  seenSeconds: 600,
  seenMarks: { delayMs: 25, batchSize: 250 },
  seenLookUps: { maxItems: 250, inFlight: 2, maxWaiting: 2_000 },
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
    suspectMs: 5_000,
    maxReceipts: 3,
  },
  backfill: { batchSize: 500, maxBytes: 8_388_608, idleMs: 1_000, settleMs: 15_000 },
  fastPath: { routedEvents: { maxBytes: 16_777_216, keptMs: 10_000 }, maxLocalRuns: 512 },
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
  admission: {
    slots: { 1: 512, 2: 512, 3: 256, 4: 128 },
    slotWaitMs: 250,
    maxResumed: 128,
    batchSize: 128,
    holdMs: 15_000,
    maxHoldMs: 600_000,
    retryMs: 1_000,
    pauseMs: 250,
    maxProbing: 32,
  },
  targetConcurrency: 200,
  sharedSemaphore: {
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
    timeouts: 5,
    failingMs: 3_000,
    openMs: 5_000,
    maxOpenMs: 300_000,
    maxRetryAfterMs: 3_600_000,
    probeMs: 45_000,
    watchedMs: 60_000,
    maxWatched: 10_000,
    unknownMs: 1_000,
    heldPerSecond: 50,
  },
  oldBreakers: { maxAgeMs: 30 * 86_400_000, batchSize: 1_000, intervalMs: 3_600_000 },
  maxWokenRuns: 1_000,
  steps: STEPS,
  runLog: RUN_LOG,
  flowHosts: FLOW_HOSTS,
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
    maxLost: 4,
    delayMs: 1_000,
    maxDelayMs: 30_000,
    suspectMs: 500,
  },
  schedule: { batchSize: 100, maxTicks: 60, onTimeMs: 30_000, idleMs: 1_000, minWaitMs: 10 },
  poll: {
    maxStagedRecords: 8_192,
    maxStagedBytes: 4_194_304,
    maxPendingRecords: 32_768,
    maxRecordBytes: 1_048_576,
    maxPages: 20_000,
    keptPolls: 100,
    holdSample: 20,
    maxWebhookEvents: 2_000,
    webhookOverlapMs: 30_000,
  },
  fetch: {
    maxPages: 10_000,
    maxPageBytes: 33_554_432,
    pageTimeoutMs: 30_000,
    codeTimeoutMs: 60_000,
    tokens: { maxTokens: 10_000, timeoutMs: 15_000 },
  },
  pollBudget: { rate: 100, burst: 200 },
  poller: {
    concurrency: 32,
    urgent: 8,
    maxPerTenant: 16,
    leaseMs: 10_000,
    heartbeatMs: 3_000,
    followMs: 250,
    idleMs: 250,
  },
  pollSchedule: { intervalMs: 500, batchSize: 1_000, overdueMs: 15_000, overdueIntervalMs: 5_000 },
  pollDemand: { intervalMs: 30_000, dueIntervalMs: 5_000, maxDue: 100_000 },
  bulkReplay: {
    canary: 5,
    maxFailures: 0.5,
    minOutcomes: 20,
    recentOutcomes: 100,
    firstPerSecond: 10,
    doubleMs: 2_000,
    maxInFlight: 250,
    batchSize: 100,
    stepMs: 100,
    maxBytes: 8_388_608,
    idleMs: 500,
  },
  autoReplay: {
    maxReplays: 3,
    delayMs: 60_000,
    maxDelayMs: 6 * 3_600_000,
    batchSize: 20,
    maxInFlight: 100,
    maxTenants: 100,
    leaseMs: 10_000,
    stepMs: 1_000,
    idleMs: 5_000,
  },
  redisWatchMs: 1_000,
  notifyIntervalMs: 10,
  partitions: { daysAhead: 3, intervalMs: 60_000 },
  expiredKeys: { batchSize: 1_000, intervalMs: 60_000 },
  postgres: {
    maxIngestConnections: 3,
    maxPipelineConnections: 8,
    maxApiConnections: 6,
    maxTenantConnections: 3,
    maxConnectionWaitMs: 5_000,
    maxWaitingTransactions: 200,
    maxAccessConnections: 2,
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    transactionStatementTimeoutMs: 8_000,
  },
  redis: { connectTimeoutMs: 2_000, commandTimeoutMs: 2_000 },
  http: HTTP_BOUNDS,
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
  deadLetters: {
    retention: { batchSize: 500, maxTenants: 1_000, emptiedMs: 30 * 86_400_000, intervalMs: 60_000 },
    watch: { foldBatch: 5_000, resolveBelow: 0.8, intervalMs: 5_000 },
    maxGaugedTenants: 50,
  },
  alertNotices: {
    batchSize: 20,
    timeoutMs: 5_000,
    leaseMs: 15_000,
    maxAttempts: 15,
    backoff: { kind: "exponential", delayMs: 5_000, maxDelayMs: 600_000 },
    intervalMs: 1_000,
  },
  filledTables: { minRows: 100, intervalMs: 2_000 },
  history: { retentionDays: 30, batchSize: 500, maxTenants: 500, lockMs: 100, intervalMs: 600_000 },
  purge: { batchSize: 500, settleMs: 60_000, intervalMs: 10_000 },
  oldAlerts: { keptMs: 90 * 86_400_000, batchSize: 500, intervalMs: 600_000 },
  oldBulkReplays: { keptMs: 90 * 86_400_000, batchSize: 100, intervalMs: 3_600_000 },
  oldAudit: { keptMs: 400 * 86_400_000, batchSize: 1_000, intervalMs: 600_000 },
  reencrypt: { batchSize: 200 },
  encryptionKeys: { sample: 100, intervalMs: 60_000, unreadableMs: 5_000 },
  keyUse: { everyMs: 60_000, intervalMs: 1_000, maxKeys: 10_000 },
  accepting: { maxFailures: 3, probeMs: 2_000, probeBytes: 65_536 },
  faultLog: { intervalMs: 5_000 },
  backlogAge: { maxMs: 6 * 3_600_000, intervalMs: 1_000 },
  maxCommitWaitMs: 2_000,
  shownSecretSeconds: 86_400,
  drainMs: { requests: 4_000, polls: 3_000, runs: 7_000 },
};
