import { LANES } from "../../domain/priority.js";
import { dueRunIds, nextRunDueMs, queueRuns } from "../../postgres/runs.js";
import { jobsOf } from "../../redis/job-queue.js";
/**
 * One step of the sweep: runs that are due, because their back-off is over, their worker is gone or their job was
 * lost, are queued under a new generation and given a new job.
 */
export function createSweeper(deps) {
    const { database, queues, limits, onSwept } = deps;
    return async () => {
        const depths = await queues.depths();
        const lanes = LANES.filter((lane) => (depths.get(lane) ?? 0) < limits.maxWaitingJobs);
        const ids = await dueRunIds(database, lanes, limits.batchSize);
        if (ids.length > 0) {
            const runs = await queueRuns(database, ids, limits.runLeaseMs);
            await queues.add(jobsOf(runs, limits.maxRunsPerJob));
            onSwept(runs.length);
            return { waitMs: limits.minWaitMs };
        }
        const nextMs = (await nextRunDueMs(database)) ?? limits.idleMs;
        return { waitMs: Math.min(limits.idleMs, Math.max(limits.minWaitMs, nextMs)) };
    };
}
//# sourceMappingURL=sweeper.js.map