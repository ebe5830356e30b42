import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import type { Normalized } from "../../domain/event/normalize.ts";
import type { FlowAction } from "../../domain/flow/flow.ts";
import { DEFAULT_RETRY } from "../../domain/flow/flow.ts";
import type { RunAction, RunAttempt } from "../../domain/flow/flow-run.ts";
import type { Held, Outcome } from "../../domain/flow/outcome.ts";
import { runIdempotencyKey } from "../../domain/flow/run-id.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { claimGatedRuns, type FreedRun, wakeGatedRuns } from "../../postgres/runs/gated-runs.ts";
import { type HeldRun, holdRuns } from "../../postgres/runs/held-runs.ts";
import {
  type ClaimedRun,
  type ClaimedRuns,
  claimRuns,
  type DueRun,
  type FinishedAttempt,
  finishRuns,
} from "../../postgres/runs/runs.ts";
import type { JobData } from "../../redis/job-queue.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import type { FastPath, RoutedEvent } from "../fast-path/fast-path.ts";
import type { LoadRunSecrets } from "./actions/run-secrets.ts";
import type { Breakers } from "./breakers.ts";
import { finishAttempt } from "./finish.ts";
import type { FlowVersions, OpenedFlow } from "./flow-versions.ts";
import type { RunLease, RunLeases } from "./run-leases.ts";
import type { SharedSemaphore } from "./slots/shared-semaphore.ts";

export interface ExecutorBounds {
  /** The lease of a claimed run, ms. Heartbeats extend it. */
  leaseMs: number;
  /** Runs claimed, or attempts finished, per statement. */
  batchSize: number;
  /** Jobs per claim of runs with limits. Other claims of their flows wait for the statement. */
  gatedBatchSize: number;
  /** Statements of each kind under way at once. */
  inFlight: number;
  /** How long a run is held if no other run's end wakes it, ms. */
  holdMs: number;
  /** How long a woken run waits for its job to be claimed before it is queued again, ms. */
  runLeaseMs: number;
  /** Concurrent runs per tenant, over all processes. */
  tenantConcurrency: number;
}

export interface ExecutorDeps {
  database: Queryable;
  fastPath?: Pick<FastPath, "routedEvents"> | undefined;
  flows: FlowVersions;
  loadSecrets: LoadRunSecrets;
  leases: RunLeases;
  /** Bounds the concurrent runs of each tenant. */
  semaphore: SharedSemaphore;
  breakers: Pick<Breakers, "prepare">;
  /** Reads an event for a run. */
  normalize: (event: StoredEvent, action: FlowAction) => Promise<Normalized>;
  actions: Readonly<Record<FlowAction["type"], RunAction>>;
  bounds: ExecutorBounds;
  random: () => number;
  monotonicMs: () => number;
  onFinished: (attempt: FinishedAttempt, run: ClaimedRun) => void;
  onHeld: (run: HeldRun) => void;
  /** Called with runs that waited for another run to end and need a job now. */
  onWoken: (runs: DueRun[]) => void;
  onError: (error: unknown) => void;
}

/** A claimed run with the data of its attempt. Data that does not exist is undefined. */
export interface PreparedRun {
  run: ClaimedRun;
  flow: OpenedFlow | undefined;
  event: StoredEvent | undefined;
  /** The event as the router read it; undefined where the run has to read it. */
  normalized: NormalizedEvent | undefined;
  /** Undefined if a secret of the action cannot be decrypted. */
  secrets: RunAttempt["secrets"] | undefined;
}

/** Executes runs. Concurrent claims share their statements, and so do concurrent finishes. */
export interface Executor {
  /**
   * Claims the runs of one job and returns those that it got: not the ones that have ended or that another process
   * executes. For a job of runs with limits it claims the runs that the limits admit first, which may be other runs of
   * the flow.
   */
  claim(job: JobData): Promise<PreparedRun[]>;
  /** Loads the data for attempts of runs that are already claimed. */
  prepare(claimed: ClaimedRuns): Promise<PreparedRun[]>;
  /** Makes one attempt. Resolves once its result is in PostgreSQL; `isHeld` says that the run was held instead. */
  execute(prepared: PreparedRun): Promise<{ isHeld: boolean }>;
  /** Holds a claimed run. It spends no attempt. */
  hold(run: ClaimedRun, held: Omit<Held, "kind">): Promise<void>;
}

export function createExecutor(deps: ExecutorDeps): Executor {
  const { database, bounds } = deps;
  const batches = {
    maxItems: bounds.batchSize,
    inFlight: bounds.inFlight,
    maxWaiting: Number.POSITIVE_INFINITY,
    full: () => new HeadraceError("store_unavailable", "Too many jobs wait for PostgreSQL"),
  };
  const claims = new Batcher<string[], PreparedRun[]>(
    async (jobs) =>
      byJob(jobs, await prepareRuns(deps, await claimRuns(database, jobs.flat(), bounds.leaseMs))),
    batches,
  );
  const gatedClaims = new Batcher<string[], PreparedRun[]>(
    async (jobs) => byJob(jobs, await prepareRuns(deps, await claimGatedRuns(database, jobs.flat(), bounds))),
    { ...batches, maxItems: bounds.gatedBatchSize },
  );
  const holds = new Batcher<HeldRun, void>(async (runs) => {
    await holdRuns(database, runs);
    return runs.map(deps.onHeld);
  }, batches);
  const wakes = new Batcher<FreedRun, void>(async (freed) => {
    const woken = await wakeGatedRuns(database, freed, bounds.runLeaseMs);
    if (woken.length > 0) deps.onWoken(woken);
    return freed.map(() => undefined);
  }, batches);
  const finishes = new Batcher<FinishedAttempt, boolean>(async (attempts) => {
    const isCapture = attempts.some((attempt) => attempt.state === "dead");
    if (isCapture) failpoint("capture.writing");
    const written = await finishRuns(database, attempts);
    if (isCapture) failpoint("capture.written");
    return attempts.map((attempt) => written.has(attempt.id));
  }, batches);

  async function hold(run: ClaimedRun, { reason, delayMs }: Omit<Held, "kind">): Promise<void> {
    await holds.add({ id: run.id, fence: run.fence, reason, delayMs });
    wakeOthers(run, false);
  }

  async function execute(prepared: PreparedRun): Promise<{ isHeld: boolean }> {
    const { run } = prepared;
    const lease = deps.leases.take(run);
    try {
      const startedMs = deps.monotonicMs();
      const outcome = await boundedAttempt(deps, prepared, lease);
      // If the lease was lost, another worker owns the result, or the run was requeued by a stopping process.
      if (lease.isLost) return EXECUTED;
      if (outcome.kind === "held") {
        await hold(run, outcome);
        return HELD;
      }
      const finished = finishAttempt({
        run,
        outcome,
        retry: prepared.flow?.definition.retry ?? DEFAULT_RETRY,
        context: {
          connector: prepared.event?.connector ?? "",
          endpoint: prepared.event?.endpoint ?? "",
          action: prepared.flow?.definition.action.type ?? "code",
        },
        durationMs: deps.monotonicMs() - startedMs,
        random: deps.random,
      });
      if (!(await finishes.add(finished))) return EXECUTED;
      deps.onFinished(finished, run);
      wakeOthers(run, finished.state !== "failed");
      return EXECUTED;
    } finally {
      deps.leases.release(run.id);
    }
  }

  /** Wakes the runs that waited for this one. If that fails, they come due after `holdMs`. */
  function wakeOthers({ tenantId, flowId, gate }: ClaimedRun, ended: boolean): void {
    if (gate !== undefined) wakes.add({ tenantId, flowId, gate, ended }).catch(deps.onError);
  }

  return {
    claim: ({ runIds, gated = false }) => (gated ? gatedClaims : claims).add(runIds),
    prepare: (claimed) => prepareRuns(deps, claimed),
    execute,
    hold,
  };
}

const EXECUTED = { isHeld: false };
const HELD = { isHeld: true };

async function prepareRuns(deps: ExecutorDeps, claimed: ClaimedRuns): Promise<PreparedRun[]> {
  const { flows } = deps;
  const { runs, flowsCounter, breakersCounter } = claimed;
  if (runs.length === 0) return [];
  const [events] = await Promise.all([
    findEvents(deps, [...new Set(runs.map((run) => run.eventId))]),
    flows.prepare(runs, flowsCounter),
    deps.breakers.prepare(breakersCounter),
  ]);
  const secretsOf = await deps.loadSecrets(
    runs.flatMap((run) => {
      const action = flows.get(run)?.definition.action;
      return action === undefined ? [] : { tenantId: run.tenantId, action };
    }),
  );
  const normalized = new Map([...events].map(([id, event]) => [id, event.normalized]));
  return runs.map((run) => {
    const { tenantId, eventId } = run;
    const flow = flows.get(run);
    const prepared = {
      run,
      flow,
      event: events.get(eventId)?.stored,
      normalized: normalized.get(eventId),
      secrets: flow && secretsOf({ tenantId, action: flow.definition.action }),
    };
    // Only the first run gets the router's copy: a handler may change its event.
    normalized.delete(eventId);
    return prepared;
  });
}

/** Takes events from those that this process has just routed, and loads the others. */
async function findEvents(deps: ExecutorDeps, ids: readonly string[]): Promise<Map<string, RoutedEvent>> {
  const routed = deps.fastPath?.routedEvents?.take(ids) ?? [];
  const events = new Map(routed.map((event) => [event.stored.id, event]));
  const missing = ids.filter((id) => !events.has(id));
  const loaded = missing.length === 0 ? [] : await loadEvents(deps.database, missing);
  for (const stored of loaded) events.set(stored.id, { stored, normalized: undefined });
  return events;
}

function byJob(jobs: readonly string[][], runs: readonly PreparedRun[]): PreparedRun[][] {
  const prepared = new Map(runs.map((one) => [one.run.id, one]));
  const perJob = jobs.map((runIds) =>
    runIds.flatMap((id) => {
      const own = prepared.get(id);
      prepared.delete(id);
      return own ?? [];
    }),
  );
  // Runs of no job in the batch: the limits admitted them first.
  perJob[0]?.push(...prepared.values());
  return perJob;
}

/** Makes an attempt if its tenant has fewer runs under way than `tenantConcurrency`. */
async function boundedAttempt(deps: ExecutorDeps, prepared: PreparedRun, lease: RunLease): Promise<Outcome> {
  const { semaphore, bounds, monotonicMs } = deps;
  const { tenantId } = prepared.run;
  const permit = await semaphore.acquire(tenantId, bounds.tenantConcurrency);
  if (permit.kind === "full") return { kind: "held", reason: "tenant_concurrency", delayMs: permit.delayMs };
  const startedMs = monotonicMs();
  try {
    return await attempt(deps, prepared, lease);
  } finally {
    semaphore.release(tenantId, monotonicMs() - startedMs);
  }
}

async function attempt(deps: ExecutorDeps, prepared: PreparedRun, lease: RunLease): Promise<Outcome> {
  const { run, flow, event } = prepared;
  if (flow === undefined)
    return gone("FLOW_GONE", `Version ${run.flowVersion} of flow ${run.flowId} does not exist`);
  if (event === undefined) return gone("EVENT_GONE", `Event ${run.eventId} does not exist`);
  // Held, not failed: the run goes on once the key is in HEADRACE_ENCRYPTION_KEYS again.
  if (flow.signing === undefined || prepared.secrets === undefined) {
    return { kind: "held", reason: "encryption_key", delayMs: deps.bounds.holdMs };
  }
  let { normalized } = prepared;
  if (normalized === undefined) {
    const result = await deps.normalize(event, flow.definition.action);
    if (result.kind === "unreadable") return gone("EVENT_UNREADABLE", result.reason);
    normalized = result.event;
  }
  return deps.actions[flow.definition.action.type]({
    runId: run.id,
    tenantId: run.tenantId,
    flowId: run.flowId,
    flowVersion: run.flowVersion,
    fence: run.fence,
    attempt: run.attempts + 1,
    idempotencyKey: runIdempotencyKey(run),
    event: normalized,
    definition: flow.definition,
    signingSecret: flow.signing.secret,
    formerSecret: flow.signing.former,
    secrets: prepared.secrets,
    lease,
  });
}

function gone(code: string, message: string): Outcome {
  return { kind: "dead", error: { code, message } };
}
