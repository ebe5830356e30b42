import type { Queryable } from "../postgres/database.ts";
import type { Logger } from "../runtime/logger.ts";
/** How long a start waits for external stores, ms. */
export declare const STORE_WAIT_MS = 60000;
/**
 * Waits until both stores answer, and refuses a Redis that may lose what it was given: one that evicts, or is older
 * than 7.0. Throws `store_unavailable` after `STORE_WAIT_MS`, naming the store that is away.
 */
export declare function waitForStores(stores: {
    databaseUrl: string;
    redisUrl: string;
}, log: Logger, signal: AbortSignal): Promise<void>;
/** Brings the schema up to date and makes the partitions of the coming days. */
export declare function migrateStores(options: {
    databaseUrl: string;
    /** The owner's connection, where the application's goes through a pooler. */
    ownerUrl: string;
    daysAhead: number;
}): Promise<string[]>;
/** Which installation this database is. */
export declare function readInstallation(database: Queryable): Promise<string>;
