import type { Logger } from "../runtime/logger.ts";
import { type Home } from "./home.ts";
import { type EmbeddedStore } from "./store.ts";
/** Starts the private Redis, or Valkey, of the home. Throws `store_unavailable`. */
export declare function startRedis(options: {
    home: Home;
    log: Logger;
}): Promise<EmbeddedStore>;
