import type { Logger } from "../runtime/logger.ts";
import { type RunAs } from "./run-as.ts";
/**
 * The path of a `redis-server` or `valkey-server` of version 7.0 or newer: from PATH, or installed where root on
 * Debian or Ubuntu can do that without asking. Throws `store_unavailable`, which names the three ways out.
 */
export declare function findRedisServer(runAs: RunAs | undefined, log: Logger): Promise<string>;
