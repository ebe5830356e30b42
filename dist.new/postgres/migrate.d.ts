import pg from "pg";
/**
 * Brings the database to the newest schema and lets `applicationUser` (default: the user of `url`) use it.
 * Forward only: each file of `directory` runs once, in the order of its number, in a transaction of its own under
 * an advisory lock. Answers the names of those that ran. A file that changed after it ran is refused.
 */
export declare function migrate(options: {
    url: string;
    directory: string;
    applicationUser?: string;
    /** Runs beside the migrations, under the same lock: makes what later days need (partitions). */
    afterwards?: (client: pg.Client) => Promise<void>;
}): Promise<string[]>;
