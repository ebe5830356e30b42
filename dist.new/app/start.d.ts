import { type Database } from "../postgres/database.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Config } from "./config.ts";
import { type Limits } from "./limits.ts";
/** A process that serves. */
export interface Running {
    /** Where it listens, with the port that it got. */
    url: string;
    /** What the stores and keys are, given or made. */
    settings: Settings;
    /** Which database this is, for what starts beside it. */
    database: Database;
    /** Drains in the order of the pipeline, then stops the embedded stores. Stopping twice is fine. */
    stop(): Promise<void>;
}
/** What a process needs before it can open anything. */
export interface Settings {
    databaseUrl: string;
    redisUrl: string;
    adminKey: string;
    /** True when this start made the admin key, which is shown once. */
    madeAdminKey: boolean;
    encryptionKeys: string;
    embedded: boolean;
    stopStores(): Promise<void>;
}
/**
 * Starts one process: finds or brings its stores, migrates, serves. `signal` ends a start that waits for stores.
 * Throws HeadraceError: `invalid_setting`, `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export declare function start(config: Config, log: Logger, signal: AbortSignal, limits?: Limits): Promise<Running>;
