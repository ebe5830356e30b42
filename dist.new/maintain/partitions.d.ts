import type { Queryable } from "../postgres/database.ts";
import type { Step } from "../runtime/loop.ts";
/** One step: the partitions of the coming days exist. Long before the first of them is needed. */
export declare function createPartitionStep(deps: {
    database: Queryable;
    daysAhead: number;
    intervalMs: number;
    onMade: (partitions: string[]) => void;
}): Step;
