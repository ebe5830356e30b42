import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event.ts";
import type { FlowAction } from "../../domain/flow.ts";
import { DEFAULT_RETRY } from "../../domain/flow.ts";
import type { RunAction, RunAttempt } from "../../domain/flow-run.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { runIdempotencyKey } from "../../domain/run-id.ts";
import type { Queryable } from "../../postgres/database.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events.ts";
import { type ClaimedRun, claimRuns, type FinishedAttempt, finishRuns } from "../../postgres/runs.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import { finishAttempt } from "./finish.ts";
import type { FlowVersions, OpenedFlow } from "./flow-versions.ts";
import type { HeldRuns } from "./held-runs.ts";
import type { LoadRunSecrets } from "./run-secrets.ts";

export interface ExecutorLimits {
  /** How long a claimed run stays this process's without a heartbeat, ms. */
  leaseMs: number;
  /** Runs claimed, and attempts finished, in one statement. */
  batchSize: number;
  /** Statements of each kind under way at once. */
  inFlight: number;
}

export interface ExecutorDeps {
  database: Queryable;
  flows: FlowVersions;
  loadSecrets: LoadRunSecrets;
  held: HeldRuns;
  normalize: (
    event: StoredEvent,
  ) => { kind: "normalized"; event: NormalizedEvent } | { kind: "unreadable"; reason: string };
  actions: Readonly<Record<FlowAction["type"], RunAction>>;
  limits: ExecutorLimits;
  random: () => number;
  monotonicMs: () => number;
  onFinished: (attempt: FinishedAttempt, run: ClaimedRun) => void;
}

/** A claimed run with all that its attempt needs; what is missing is undefined. */
interface PreparedRun {
  run: ClaimedRun;
  flow: OpenedFlow | undefined;
  event: StoredEvent | undefined;
  secrets: RunAttempt["secrets"];
}

/**
 * Executes the runs of one job and resolves when every one that this process got is finished in PostgreSQL. Runs
 * that another has, or that ended, are passed over. Claims and finishes of concurrent jobs share their statements.
 */
export function createExecutor(deps: ExecutorDeps): (runIds: string[]) => Promise<void> {
  const { database, limits } = deps;
  const batches = {
    maxItems: limits.batchSize,
    inFlight: limits.inFlight,
    maxWaiting: Number.POSITIVE_INFINITY,
    full: () => new HeadraceError("store_unavailable", "Too many jobs wait for PostgreSQL"),
  };
  const claims = new Batcher<string[], PreparedRun[]>((jobs) => claimJobs(deps, jobs), batches);
  const finishes = new Batcher<FinishedAttempt, boolean>(async (attempts) => {
    const isCapture = attempts.some((attempt) => attempt.state === "dead");
    if (isCapture) failpoint("capture.writing");
    const written = await finishRuns(database, attempts);
    if (isCapture) failpoint("capture.written");
    return attempts.map((attempt) => written.has(attempt.id));
  }, batches);

  async function execute(prepared: PreparedRun): Promise<void> {
    const { run } = prepared;
    const signal = deps.held.hold(run);
    try {
      const startedMs = deps.monotonicMs();
      const outcome = await attempt(deps, prepared, signal);
      // Who lost the run to another must not write, and who is stopping hands it back.
      if (signal.aborted) return;
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
      if (await finishes.add(finished)) deps.onFinished(finished, run);
    } finally {
      deps.held.letGo(run.id);
    }
  }

  return async (runIds) => {
    const prepared = await claims.add(runIds);
    await Promise.all(prepared.map(execute));
  };
}

async function claimJobs(deps: ExecutorDeps, jobs: string[][]): Promise<PreparedRun[][]> {
  const { database, flows, limits } = deps;
  const { runs, flowsCounter } = await claimRuns(database, jobs.flat(), limits.leaseMs);
  if (runs.length === 0) return jobs.map(() => []);
  const [stored] = await Promise.all([
    loadEvents(database, [...new Set(runs.map((run) => run.eventId))]),
    flows.prepare(runs, flowsCounter),
  ]);
  const events = new Map(stored.map((event) => [event.id, event]));
  const known = runs.map((run) => ({ run, flow: flows.get(run), event: events.get(run.eventId) }));
  const secretsOf = await deps.loadSecrets(
    known.flatMap(({ run, flow }) =>
      flow === undefined ? [] : { tenantId: run.tenantId, action: flow.definition.action },
    ),
  );
  const prepared = new Map(
    known.map((one) => [one.run.id, { ...one, secrets: secretsOf(one.run.tenantId) }] as const),
  );
  return jobs.map((runIds) =>
    runIds.flatMap((id) => {
      const own = prepared.get(id);
      prepared.delete(id);
      return own ?? [];
    }),
  );
}

async function attempt(deps: ExecutorDeps, prepared: PreparedRun, signal: AbortSignal): Promise<Outcome> {
  const { run, flow, event } = prepared;
  if (flow === undefined)
    return gone("FLOW_GONE", `Version ${run.flowVersion} of flow ${run.flowId} does not exist`);
  if (event === undefined) return gone("EVENT_GONE", `Event ${run.eventId} does not exist`);
  const normalized = deps.normalize(event);
  if (normalized.kind === "unreadable") return gone("EVENT_UNREADABLE", normalized.reason);
  return deps.actions[flow.definition.action.type]({
    runId: run.id,
    tenantId: run.tenantId,
    flowId: run.flowId,
    flowVersion: run.flowVersion,
    fence: run.fence,
    attempt: run.attempts + 1,
    idempotencyKey: runIdempotencyKey(run),
    event: normalized.event,
    definition: flow.definition,
    signingSecret: flow.signingSecret,
    secrets: prepared.secrets,
    signal,
  });
}

function gone(code: string, message: string): Outcome {
  return { kind: "dead", error: { code, message } };
}
