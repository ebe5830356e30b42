import { HeadraceError } from "../../domain/errors.js";
import { DEFAULT_RETRY } from "../../domain/flow.js";
import { runIdempotencyKey } from "../../domain/run-id.js";
import { loadEvents } from "../../postgres/events.js";
import { claimRuns, finishRuns } from "../../postgres/runs.js";
import { Batcher } from "../../runtime/batcher.js";
import { finishAttempt } from "./finish.js";
/**
 * Executes the runs of one job and resolves when every one that this process got is finished in PostgreSQL. Runs
 * that another has, or that ended, are passed over. Claims and finishes of concurrent jobs share their statements.
 */
export function createExecutor(deps) {
    const { database, limits } = deps;
    const batches = {
        maxItems: limits.batchSize,
        inFlight: limits.inFlight,
        maxWaiting: Number.POSITIVE_INFINITY,
        full: () => new HeadraceError("store_unavailable", "Too many jobs wait for PostgreSQL"),
    };
    const claims = new Batcher((jobs) => claimJobs(deps, jobs), batches);
    const finishes = new Batcher(async (attempts) => {
        const written = await finishRuns(database, attempts);
        return attempts.map((attempt) => written.has(attempt.id));
    }, batches);
    async function execute(prepared) {
        const { run } = prepared;
        const signal = deps.held.hold(run);
        try {
            const startedMs = deps.monotonicMs();
            const outcome = await attempt(deps, prepared, signal);
            // Who lost the run to another must not write, and who is stopping hands it back.
            if (signal.aborted)
                return;
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
            if (await finishes.add(finished))
                deps.onFinished(finished, run);
        }
        finally {
            deps.held.letGo(run.id);
        }
    }
    return async (runIds) => {
        const prepared = await claims.add(runIds);
        await Promise.all(prepared.map(execute));
    };
}
async function claimJobs(deps, jobs) {
    const { database, flows, limits } = deps;
    const { runs, flowsCounter } = await claimRuns(database, jobs.flat(), limits.leaseMs);
    if (runs.length === 0)
        return jobs.map(() => []);
    const [stored] = await Promise.all([
        loadEvents(database, [...new Set(runs.map((run) => run.eventId))]),
        flows.prepare(runs, flowsCounter),
    ]);
    const events = new Map(stored.map((event) => [event.id, event]));
    const prepared = new Map(runs.map((run) => [run.id, { run, flow: flows.get(run), event: events.get(run.eventId) }]));
    return jobs.map((runIds) => runIds.flatMap((id) => {
        const own = prepared.get(id);
        prepared.delete(id);
        return own ?? [];
    }));
}
async function attempt(deps, prepared, signal) {
    const { run, flow, event } = prepared;
    if (flow === undefined)
        return gone("FLOW_GONE", `Version ${run.flowVersion} of flow ${run.flowId} does not exist`);
    if (event === undefined)
        return gone("EVENT_GONE", `Event ${run.eventId} does not exist`);
    const normalized = deps.normalize(event);
    if (normalized.kind === "unreadable")
        return gone("EVENT_UNREADABLE", normalized.reason);
    return deps.actions[flow.definition.action.type]({
        runId: run.id,
        tenantId: run.tenantId,
        flowId: run.flowId,
        flowVersion: run.flowVersion,
        attempt: run.attempts + 1,
        idempotencyKey: runIdempotencyKey(run),
        event: normalized.event,
        definition: flow.definition,
        signingSecret: flow.signingSecret,
        signal,
    });
}
function gone(code, message) {
    return { kind: "dead", error: { code, message } };
}
//# sourceMappingURL=executor.js.map