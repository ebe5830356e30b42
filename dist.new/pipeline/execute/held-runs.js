import { extendLeases, releaseRuns } from "../../postgres/runs.js";
export function createHeldRuns(database, { leaseMs, heartbeatMs }) {
    const held = new Map();
    let onEmpty = [];
    return {
        hold(run) {
            const abort = new AbortController();
            held.set(run.id, { ...run, abort });
            return abort.signal;
        },
        letGo(runId) {
            held.delete(runId);
            if (held.size > 0)
                return;
            for (const resolve of onEmpty)
                resolve();
            onEmpty = [];
        },
        async heartbeat() {
            const runs = [...held.values()];
            if (runs.length > 0) {
                const kept = await extendLeases(database, runs, leaseMs);
                for (const run of runs) {
                    if (!kept.has(run.id) && held.get(run.id) === run)
                        run.abort.abort(new Error("Another worker holds this run"));
                }
            }
            return { waitMs: heartbeatMs };
        },
        async handBack() {
            const runs = [...held.values()];
            if (runs.length === 0)
                return;
            for (const run of runs)
                run.abort.abort(new Error("The worker is stopping"));
            await releaseRuns(database, runs);
        },
        emptied() {
            return held.size === 0 ? Promise.resolve() : new Promise((resolve) => onEmpty.push(resolve));
        },
        get size() {
            return held.size;
        },
    };
}
//# sourceMappingURL=held-runs.js.map