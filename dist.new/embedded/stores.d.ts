import type { Logger } from "../runtime/logger.ts";
import type { EmbeddedStore } from "./store.ts";
/** The private PostgreSQL and Redis of one data dir. */
export interface EmbeddedStores {
    databaseUrl: string;
    redisUrl: string;
    postgres: EmbeddedStore;
    redis: EmbeddedStore;
    /** The processes whose children are the stores'. */
    pids(): {
        postgres: number;
        redis: number;
    };
    /** Tells a process that wants the data dir to wait: call it when the drain begins, which may take a while. */
    markStopping(): void;
    /** Stops both in order, then frees the data dir. Stopping twice is fine. */
    stop(): Promise<void>;
}
/**
 * Starts both stores on 127.0.0.1, with data under `<dataDir>/embedded` that are kept between starts. They stop with
 * this process, however it ends. Throws `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export declare function startEmbeddedStores(options: {
    dataDir: string;
    log: Logger;
    /** The folder of another PostgreSQL's binaries. */
    postgresBinDirectory?: string;
}): Promise<EmbeddedStores>;
