import { type FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Logger } from "../runtime/logger.ts";
import { type ApiDeps } from "./api.ts";
import { type Readiness } from "./routes/health.ts";
export interface HttpDeps extends ApiDeps {
    log: Logger;
    registry: Registry;
    readiness: () => Promise<Readiness>;
    /** Of Headrace, for the OpenAPI document. */
    version: string;
    /** Whether this process serves the management API and the pages, or health alone. */
    serveApi: boolean;
}
/**
 * The server with its routes, not yet listening. Further plugins (the webhook endpoints) may be registered, and share
 * its error answers. Nothing of a request's body or headers is ever logged.
 */
export declare function createHttpServer(deps: HttpDeps): FastifyInstance;
