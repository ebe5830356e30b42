import type { Queryable } from "./database.ts";
/** Every table that is partitioned by the day in a UUIDv7. */
export declare const PARTITIONED_TABLES: readonly ["events", "verdicts", "runs", "attempts"];
/** The smallest UUIDv7 of a moment, ms since the epoch: what a range over ids starts or ends with. */
export declare function uuid7Floor(epochMs: number): string;
/** The milliseconds in a UUIDv7. */
export declare function uuid7Ms(id: string): number;
/**
 * The bounds that a batch of ids lies in, both inclusive. A statement that names them beside `= ANY(ids)` touches
 * the partitions of those days alone: the planner does not prune by the array itself.
 */
export declare function idBounds(ids: readonly string[]): {
    low: string;
    high: string;
};
/**
 * Makes the partitions from yesterday to `daysAhead` days after today, by the database's clock; those that exist
 * stay. A new one is made on its own and then attached, which does not lock out live traffic.
 */
export declare function ensurePartitions(database: Queryable, daysAhead: number): Promise<string[]>;
