import type { Database } from "../postgres/database.ts";
import type { RedisClient } from "../redis/client.ts";
import type { LoopProgress } from "../runtime/loop.ts";
export interface Readiness {
    ready: boolean;
    checks: Record<string, {
        ok: boolean;
        detail?: string;
    }>;
}
/** Red when a store is away, a loop makes no progress, or the process is not serving; says which. */
export declare function createReadiness(deps: {
    database: Database;
    redis: RedisClient;
    loops: () => LoopProgress[];
    /** Why the process is not serving yet, or no longer; undefined when it is. */
    notServing: () => string | undefined;
    /** True once a router knows the deployed flows; undefined where this process does not route. */
    flowsReady: () => boolean | undefined;
}): () => Promise<Readiness>;
