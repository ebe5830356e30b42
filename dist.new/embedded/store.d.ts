import type { Logger } from "../runtime/logger.ts";
import type { RunAs } from "./run-as.ts";
/** How to run one store. */
export interface StoreRecipe {
    name: "PostgreSQL" | "Redis";
    /** Its data; the command line of its process must name it. */
    directory: string;
    pidFile: string;
    logFile: string;
    stopSignal: "INT" | "TERM";
    runAs: RunAs | undefined;
    /** Makes ready what the command needs, and gives the command for this port of 127.0.0.1. */
    command(port: number): readonly string[];
    url(port: number): string;
    /** Resolves when the store serves at the URL, and rejects until then. */
    probe(url: string): Promise<void>;
}
/** A private store that runs until it is stopped. */
export interface EmbeddedStore {
    /** Stays the same over restarts. */
    readonly url: string;
    /** The process whose children are the store's. */
    readonly pid: number;
    /** Stops it in order; nothing of it runs any more then. */
    stop(): Promise<void>;
    /** Kills all of it with SIGKILL; it stays down until `restart`. */
    kill(): Promise<void>;
    /** Stops it in order if it runs, and starts it again on the same port. */
    restart(): Promise<void>;
}
/**
 * Starts the store on a free port and resolves when it serves. When it dies by itself it is started again, on the same
 * port. Throws `store_unavailable` with its last words.
 */
export declare function startStore(recipe: StoreRecipe, log: Logger): Promise<EmbeddedStore>;
