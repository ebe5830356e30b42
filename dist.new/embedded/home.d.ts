import { type RunAs } from "./run-as.ts";
/** The folder that holds all of the embedded stores: their data, passwords and logs. */
export interface Home {
    /** Its real path. */
    directory: string;
    /** Who the stores run as; undefined for the user of this process. */
    runAs: RunAs | undefined;
}
/**
 * Finds or makes `<dataDir>/embedded`. Where root runs the stores as a user who cannot reach that, it is a link to a
 * folder under /var/lib/headrace, made once. Throws `store_unavailable` when it is gone or out of reach.
 */
export declare function prepareHome(dataDir: string): Home;
/** Makes the folder where root keeps what lies out of reach of the stores' user. */
export declare function reachableBase(): string;
/** A folder in the home that belongs to the stores' user alone. */
export declare function prepareFolder(home: Home, name: string): string;
