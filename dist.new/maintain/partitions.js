import { ensurePartitions } from "../postgres/partitions.js";
/** One step: the partitions of the coming days exist. Long before the first of them is needed. */
export function createPartitionStep(deps) {
    return async () => {
        const made = await ensurePartitions(deps.database, deps.daysAhead);
        if (made.length > 0)
            deps.onMade(made);
        return { waitMs: deps.intervalMs };
    };
}
//# sourceMappingURL=partitions.js.map