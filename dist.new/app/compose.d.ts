import { type Handler } from "../pipeline/execute/code-action.ts";
import { createAcceptor } from "../pipeline/receive/acceptor.ts";
import { createReceiver } from "../pipeline/receive/receiver.ts";
import type { Database } from "../postgres/database.ts";
import type { KeyRing } from "../postgres/key-ring.ts";
import { type RedisClient } from "../redis/client.ts";
import type { Logger } from "../runtime/logger.ts";
import type { OutgoingHttp } from "../runtime/outgoing/index.ts";
import type { Role } from "./config.ts";
import type { Limits } from "./limits.ts";
import { type Loops } from "./loops.ts";
import type { Metrics } from "./metrics.ts";
export interface PipelineDeps {
    roles: ReadonlySet<Role>;
    limits: Limits;
    database: Database;
    /** For LISTEN, which cannot go through a pooler. */
    listenUrl: string;
    redisUrl: string;
    /** Which installation the database is; every Redis key carries it. */
    installation: string;
    keyRing: KeyRing;
    handlers: ReadonlyMap<string, Handler>;
    outgoing: OutgoingHttp;
    metrics: Metrics;
    log: Logger;
}
/** The stages that this process runs, wired. */
export interface Pipeline {
    acceptor: ReturnType<typeof createAcceptor>;
    receive: ReturnType<typeof createReceiver>;
    redis: RedisClient;
    loops: Loops;
    /** Undefined until a router has loaded the deployed flows. */
    readonly flowsReady: boolean;
    start(): void;
    /** Stops the stages in the order of the pipeline; runs in hand may end within the drain time, or are handed back. */
    stop(): Promise<void>;
}
export declare function composePipeline(deps: PipelineDeps): Pipeline;
