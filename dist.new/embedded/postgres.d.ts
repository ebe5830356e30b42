import type { Logger } from "../runtime/logger.ts";
import { type Home } from "./home.ts";
import { type EmbeddedStore } from "./store.ts";
/**
 * Starts the private PostgreSQL of the home, and makes its data first where there are none. Its user `headrace` is a
 * superuser that needs its password. Throws `store_unavailable`, and `store_unsuitable` for another major's data.
 */
export declare function startPostgres(options: {
    home: Home;
    log: Logger;
    /** The folder of another installation's binaries. */
    binDirectory?: string;
}): Promise<EmbeddedStore>;
