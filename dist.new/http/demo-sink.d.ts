import type { FastifyPluginAsync } from "fastify";
import type { Logger } from "../runtime/logger.ts";
/** What the demo's flows call: it logs that it was called and by which run, and answers 200. */
export declare const demoSink: FastifyPluginAsync<{
    path: string;
    log: Logger;
}>;
