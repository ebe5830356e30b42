import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createCodeAction } from "../../pipeline/execute/actions/code-action.ts";
import { createRunLogs } from "../../pipeline/execute/actions/code-log.ts";
import { createStepStore } from "../../pipeline/execute/actions/code-steps.ts";
import { createHttpAction } from "../../pipeline/execute/actions/http-action.ts";
import { createRunSecrets } from "../../pipeline/execute/actions/run-secrets.ts";
import { createTargets } from "../../pipeline/execute/actions/targets.ts";
import { createBreakers, heldByBreaker } from "../../pipeline/execute/breakers.ts";
import { createExecutor } from "../../pipeline/execute/executor.ts";
import { createFlowVersions } from "../../pipeline/execute/flow-versions.ts";
import { createHeldRuns, type HeldRuns } from "../../pipeline/execute/held-runs.ts";
import { createRunsHere, type RunsHere } from "../../pipeline/execute/runs-here.ts";
import { type Admission, createAdmission } from "../../pipeline/execute/slots/admission.ts";
import { createSharedSemaphore } from "../../pipeline/execute/slots/shared-semaphore.ts";
import { createWorkers, type Workers } from "../../pipeline/execute/workers.ts";
import type { Normalizer } from "../../pipeline/normalize/normalizer.ts";
import type { EventsAtHand } from "../../postgres/events/events-at-hand.ts";
import { TENANT_SLOTS, wakeHeldRuns } from "../../postgres/runs/held-runs.ts";
import type { DueRun } from "../../postgres/runs/runs.ts";
import type { RedisClient, RedisUse } from "../../redis/client.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { takeShare } from "../../redis/shared-count.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** What carries runs out. */
export interface Executing {
  held: HeldRuns;
  /** Undefined where this process executes nothing, as what follows. */
  workers: Workers | undefined;
  runsHere: RunsHere | undefined;
  admission: Admission | undefined;
  /** Gives up what this process has of the shared semaphore, once nothing is under way. */
  release(): Promise<unknown>;
}

export interface ExecutingDeps
  extends Pick<
    PipelineDeps,
    "roles" | "bounds" | "database" | "keyRing" | "handlers" | "outgoing" | "metrics" | "log"
  > {
  events: EventsAtHand;
  normalize: Normalizer["toRun"];
  redis: RedisClient;
  connect: (use: RedisUse) => RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  loops: Loops;
  /** Gives queued runs their jobs. Never throws. */
  queueRuns: (runs: DueRun[]) => void;
  /** A run is due sooner than the sweeper thinks. */
  wakeSweeper: () => void;
  onRedisError: (error: Error) => void;
}

/** Stage 6, wired: runs are claimed within their limits, carried out and finished. */
export function composeExecuting(deps: ExecutingDeps): Executing {
  const { roles, bounds, keyRing, metrics, log, redis, keys, loops, onRedisError } = deps;
  const database = deps.database.pipeline;
  const monotonicMs = () => performance.now();
  const { random } = Math;
  const onError = (error: unknown) => log.warn({ err: error }, "what waits for a run is found later");

  const owner = randomUUID();
  const semaphore = createSharedSemaphore({
    takeShare: (key, share) =>
      takeShare(redis, keys.share(key), { ...share, owner, ttlMs: bounds.sharedSemaphore.ttlMs }),
    bounds: bounds.sharedSemaphore,
    monotonicMs,
  });
  /** Wakes what is held for this reason, so many runs in a second. What a process that ends leaves comes due later. */
  const wakeAll = async (tenantId: string, reason: string) => {
    const { maxWokenRuns: limit } = bounds;
    const { runLeaseMs: leaseMs } = bounds.execute;
    for (;;) {
      const woken = await wakeHeldRuns(database, { tenantId, reason, limit, leaseMs });
      deps.queueRuns(woken);
      if (woken.length < limit) return;
      await sleep(1_000, undefined, { ref: false });
    }
  };
  const breakers = createBreakers({
    ...{ database, bounds: bounds.breakers, monotonicMs, random, onError },
    onOpened({ tenantId, target }) {
      metrics.breakers.inc({ state: "open" });
      log.warn({ tenant_id: tenantId, target }, "a target fails: its runs are held");
    },
    onClosed({ tenantId, target }) {
      metrics.breakers.inc({ state: "closed" });
      log.info({ tenant_id: tenantId, target }, "a target answers again: its runs go on");
      wakeAll(tenantId, heldByBreaker(target)).catch(onError);
    },
  });
  const held = createHeldRuns(database, bounds.execute);
  const executor = createExecutor({
    ...{ database, held, semaphore, breakers, random, monotonicMs, onError },
    events: deps.events,
    normalize: deps.normalize,
    flows: createFlowVersions(database, keyRing, bounds.execute.maxFlowVersions),
    loadSecrets: createRunSecrets(database, keyRing),
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
    onFinished(attempt, run) {
      const { state, durationMs, errorCode } = attempt;
      metrics.attempts.inc({ state });
      metrics.attemptSeconds.observe({ state }, durationMs / 1_000);
      if (state === "failed") deps.wakeSweeper();
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
  });
  const release = () => semaphore.state(new AbortController().signal);
  if (!roles.has("execute"))
    return { held, workers: undefined, runsHere: undefined, admission: undefined, release };
  const admission = createAdmission({
    ...{ database, executor, monotonicMs, onError },
    bounds: bounds.admission,
    onPutOff: (runs) => metrics.heldRuns.inc({ reason: TENANT_SLOTS }, runs),
  });
  const workers = createWorkers({
    connect: () => deps.connect("jobs"),
    ...{ keys, queues: deps.queues, execute: admission.admit, monotonicMs },
    bounds: bounds.workers,
    onReplaced(lane) {
      metrics.workersReplaced.inc({ lane: `P${lane}` });
      log.warn({ lane }, "a worker stood still while jobs waited: it is made anew");
    },
    onError: onRedisError,
  });
  const runsHere = createRunsHere({
    admission,
    hasJobs: () => workers.isBusy,
    bounds: bounds.execute,
    onError,
  });
  loops.add("heartbeat", held.heartbeat);
  loops.add("shared semaphore", semaphore.state);
  loops.add("workers", workers.watch);
  return { held, workers, runsHere, admission, release };
}
