import type { Queryable } from "../postgres/database.ts";
import type { Step } from "../runtime/loop.ts";
/** One step: deletes a small batch of dedupe keys whose time has ended; goes on at once while there are more. */
export declare function createExpiredKeysStep(deps: {
    database: Queryable;
    batchSize: number;
    intervalMs: number;
}): Step;
