import { isUnavailable } from "../../postgres/database.js";
import { loadEvents } from "../../postgres/events.js";
import { routeEvents } from "../../postgres/routing.js";
import { dropEntries, forgetConsumers, readEvents, takeOverEvents, } from "../../redis/event-stream.js";
import { jobsOf } from "../../redis/job-queue.js";
import { deadLetter, decideRouting } from "./decide.js";
/** One step of routing: reads a batch of ids, the first lane first, and routes it. */
export function createRouter(deps) {
    const { blocking, keys, consumer, limits } = deps;
    return async () => {
        if (deps.flows.counter === 0)
            await deps.flows.prepare({ oldest: Number.POSITIVE_INFINITY, newest: 0 });
        const { batchSize: count, blockMs } = limits;
        const entries = await readEvents(blocking, keys, { consumer, count, blockMs });
        if (entries.length > 0)
            await routeEntries(deps, entries);
        return { waitMs: 0 };
    };
}
/** One step of tidying: routes what dead consumers left behind, and forgets them. */
export function createTakeOver(deps) {
    const { redis, keys, consumer, limits } = deps;
    return async () => {
        if (deps.flows.counter === 0)
            return { waitMs: limits.takeOverMs / 2 };
        const { takeOverMs: minIdleMs, batchSize: count } = limits;
        const entries = await takeOverEvents(redis, keys, { consumer, minIdleMs, count });
        if (entries.length > 0)
            await routeEntries(deps, entries);
        await forgetConsumers(redis, keys, limits.forgetMs);
        return { waitMs: entries.length > 0 ? 0 : limits.takeOverMs / 2 };
    };
}
/** Routes the events, then drops the entries, then hands the runs over: whatever is lost in between comes again. */
async function routeEntries(deps, entries) {
    const { redis, keys, queues, limits } = deps;
    const events = await loadEvents(deps.database, [...new Set(entries.map((entry) => entry.eventId))]);
    const runs = await route(deps, events);
    await Promise.all([dropEntries(redis, keys, entries), queues.add(jobsOf(runs, limits.maxRunsPerJob))]);
}
/** Decides and writes; when PostgreSQL refuses the batch, in halves, down to the one event that cannot be routed. */
async function route(deps, events) {
    if (events.length === 0)
        return [];
    try {
        return await decideAndWrite(deps, events);
    }
    catch (error) {
        if (isUnavailable(error))
            throw error;
        const [only] = events;
        if (events.length === 1 && only !== undefined)
            return await bury(deps, only, error);
        const middle = events.length >> 1;
        const first = await route(deps, events.slice(0, middle));
        return [...first, ...(await route(deps, events.slice(middle)))];
    }
}
async function decideAndWrite(deps, events) {
    const moments = events.map((event) => event.flowsCounter);
    await deps.flows.prepare({ oldest: Math.min(...moments), newest: Math.max(...moments) });
    return await write(deps, decideRouting(events, deps.normalize, (event, moment) => deps.flows.match(event, moment)));
}
/** An event whose routing itself fails goes to the dead letters, so that it holds up no other. */
async function bury(deps, event, error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return await write(deps, {
        verdicts: [{ eventId: event.id, tenantId: event.tenantId, status: "dead" }],
        runs: [],
        deadLetters: [deadLetter(event, "route", message, stack)],
    });
}
/** Carries the decision out and answers the runs that were made. */
async function write(deps, decision) {
    const eventIds = await routeEvents(deps.database, decision, deps.limits.runLeaseMs);
    const written = decision.verdicts.filter((verdict) => eventIds.has(verdict.eventId));
    const count = (status) => written.filter((verdict) => verdict.status === status).length;
    const runs = decision.runs.filter((run) => eventIds.has(run.eventId));
    deps.onRouted({
        routed: count("routed"),
        unmatched: count("unmatched"),
        dead: count("dead"),
        runs: runs.length,
    });
    return runs;
}
//# sourceMappingURL=router.js.map