import { randomUUID } from "node:crypto";
import { createCodeAction } from "../../pipeline/execute/actions/code-action.ts";
import { createRunLogs } from "../../pipeline/execute/actions/code-log.ts";
import { createStepStore } from "../../pipeline/execute/actions/code-steps.ts";
import { createHttpAction } from "../../pipeline/execute/actions/http-action.ts";
import { createRunSecrets } from "../../pipeline/execute/actions/run-secrets.ts";
import { createTargets } from "../../pipeline/execute/actions/targets.ts";
import { createBreakers, heldByBreaker } from "../../pipeline/execute/breakers.ts";
import { createExecutor } from "../../pipeline/execute/executor.ts";
import { createFlowVersions } from "../../pipeline/execute/flow-versions.ts";
import { createRunLeases } from "../../pipeline/execute/run-leases.ts";
import { createAdmission } from "../../pipeline/execute/slots/admission.ts";
import { createSharedSemaphore } from "../../pipeline/execute/slots/shared-semaphore.ts";
import { createSweeper } from "../../pipeline/execute/sweeper.ts";
import { createWorkers } from "../../pipeline/execute/workers.ts";
import type { FastPath } from "../../pipeline/fast-path/fast-path.ts";
import { normalizeForRun } from "../../pipeline/normalize/normalize-for-run.ts";
import { TENANT_SLOTS, wakeHeldRuns } from "../../postgres/runs/held-runs.ts";
import type { DueRun } from "../../postgres/runs/runs.ts";
import type { RedisClient, RedisUse } from "../../redis/client.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { takeShare } from "../../redis/shared-count.ts";
import { systemClock } from "../../runtime/clock.ts";
import { delay } from "../../runtime/delay.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** Stage 6 of a process, wired. */
export interface Executing {
  /** Starts to take jobs. */
  start(): void;
  /** Starts no more runs, lets those under way end within the drain time, and requeues the others. */
  drain(): Promise<void>;
  /** Gives up this process's share of the shared semaphore. To be called once no run is under way. */
  releasePermits(): Promise<void>;
}

export interface ExecutingDeps
  extends Pick<
    PipelineDeps,
    "roles" | "bounds" | "database" | "keyRing" | "handlers" | "outgoing" | "metrics" | "log"
  > {
  redis: RedisClient;
  connect: (use: RedisUse) => RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  loops: Loops;
  fastPath: FastPath;
  /** Adds the jobs of queued runs. Never throws. */
  queueRuns: (runs: DueRun[]) => void;
  onRedisError: (error: Error) => void;
}

/** Wires execution: runs are claimed within their limits, executed and finished. */
export function composeExecuting(deps: ExecutingDeps): Executing {
  const { roles, bounds, keyRing, metrics, log, redis, keys, queues, loops, fastPath, onRedisError } = deps;
  if (!roles.has("execute")) return { start() {}, drain: async () => {}, releasePermits: async () => {} };
  const database = deps.database.pipeline;
  const monotonicMs = () => performance.now();
  const { random } = Math;
  const onError = (error: unknown) =>
    log.warn({ err: error }, "a step of the execution failed; the sweeper finds its runs");

  const owner = randomUUID();
  const semaphore = createSharedSemaphore({
    takeShare: (key, share) =>
      takeShare(redis, keys.share(key), { ...share, owner, ttlMs: bounds.sharedSemaphore.ttlMs }),
    bounds: bounds.sharedSemaphore,
    monotonicMs,
  });
  /** Wakes the runs held for a reason, `maxWokenRuns` per second. The sweeper wakes the rest if the process stops. */
  const wakeAll = async (tenantId: string, reason: string) => {
    const { maxWokenRuns: limit } = bounds;
    const { runLeaseMs: leaseMs } = bounds.execute;
    for (;;) {
      const woken = await wakeHeldRuns(database, { tenantId, reason, limit, leaseMs });
      deps.queueRuns(woken);
      if (woken.length < limit) return;
      await delay(1_000, { ref: false });
    }
  };
  const breakers = createBreakers({
    database,
    bounds: bounds.breakers,
    monotonicMs,
    random,
    onOpened({ tenantId, target }) {
      metrics.breakers.inc({ state: "open" });
      log.warn({ tenant_id: tenantId, target }, "circuit breaker opened; holding the target's runs");
    },
    onClosed({ tenantId, target }) {
      metrics.breakers.inc({ state: "closed" });
      log.info({ tenant_id: tenantId, target }, "circuit breaker closed; resuming the target's runs");
      wakeAll(tenantId, heldByBreaker(target)).catch(onError);
    },
    onError,
  });
  const leases = createRunLeases(database, bounds.execute);
  const executor = createExecutor({
    database,
    fastPath,
    flows: createFlowVersions(database, keyRing, bounds.execute.maxFlowVersions),
    loadSecrets: createRunSecrets(database, keyRing),
    leases,
    semaphore,
    breakers,
    normalize: normalizeForRun,
    actions: {
      http: createHttpAction({
        outgoing: deps.outgoing,
        clock: systemClock,
        targets: createTargets({ breakers, semaphore, concurrency: bounds.targetConcurrency, monotonicMs }),
      }),
      code: createCodeAction({
        handlers: deps.handlers,
        timeoutMs: bounds.execute.codeTimeoutMs,
        openLog: createRunLogs({ database, log, bounds: bounds.runLog, now: systemClock.now }),
        openSteps: createStepStore(database, bounds.steps),
      }),
    },
    bounds: bounds.execute,
    random,
    monotonicMs,
    onFinished(attempt, run) {
      const { state, durationMs, errorCode } = attempt;
      metrics.attempts.inc({ state });
      metrics.attemptSeconds.observe({ state }, durationMs / 1_000);
      if (state === "failed") loops.wake("sweeper");
      log.debug(
        {
          tenant_id: run.tenantId,
          flow: run.flowId,
          run_id: run.id,
          event_id: run.eventId,
          state,
          error: errorCode,
          durationMs,
        },
        "attempt finished",
      );
    },
    onHeld: ({ reason }) => metrics.heldRuns.inc({ reason: reason.split(" ")[0] as string }),
    onWoken: deps.queueRuns,
    onError,
  });
  const admission = createAdmission({
    database,
    executor,
    bounds: bounds.admission,
    monotonicMs,
    onPutOff: (runs) => metrics.heldRuns.inc({ reason: TENANT_SLOTS }, runs),
    onError,
  });
  const workers = createWorkers({
    connect: () => deps.connect("jobs"),
    keys,
    queues,
    execute: admission.admit,
    bounds: bounds.workers,
    monotonicMs,
    onReplaced(lane) {
      metrics.workersReplaced.inc({ lane: `P${lane}` });
      log.warn({ lane }, "a worker took no jobs although some waited; replaced it");
    },
    onError: onRedisError,
  });
  fastPath.localRuns?.serve({
    hasJobs: () => workers.isBusy,
    reserve: admission.reserve,
    cancel: admission.cancel,
    start: admission.start,
  });
  loops.add(
    "sweeper",
    createSweeper({
      database,
      queues,
      bounds: bounds.sweep,
      random,
      onSwept(runs) {
        metrics.swept.inc(runs.length);
        admission.resumeDue(runs);
      },
      onLost(attempts) {
        metrics.attempts.inc({ state: "dead" }, attempts.length);
        for (const { id } of attempts)
          log.error({ run_id: id }, "a run lost its worker too often and is a dead letter");
      },
    }),
  );
  loops.add("heartbeat", leases.heartbeat);
  loops.add("shared semaphore", semaphore.state);
  loops.add("workers", workers.watch);
  return {
    start: () => workers.start(),
    async drain() {
      admission.stop();
      const closing = Promise.all([workers.stop(), fastPath.localRuns?.drained(), admission.drained()]);
      await Promise.race([leases.drained(), delay(bounds.drainMs.runs, { ref: false })]);
      await leases.requeue();
      await Promise.race([closing, delay(1_000, { ref: false })]);
    },
    async releasePermits() {
      await semaphore.state(new AbortController().signal);
    },
  };
}
