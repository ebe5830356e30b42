import { randomUUID } from "node:crypto";
import Fastify, {} from "fastify";
import { apiRoutes } from "./api.js";
import { answerClientError, createErrorHandler, createNotFoundHandler } from "./errors.js";
import { createKnownPaths } from "./known-paths.js";
import { serveOpenApi } from "./openapi.js";
import { healthRoutes } from "./routes/health.js";
import { statusPage } from "./routes/status-page.js";
import { ErrorBody } from "./schemas/error.js";
import { compileValidator } from "./validation.js";
/** Bodies are no larger where a route names no other limit, bytes. */
const BODY_LIMIT_BYTES = 1_048_576;
/** A request that is not whole after this time is given up, ms. */
const REQUEST_TIMEOUT_MS = 60_000;
/**
 * The server with its routes, not yet listening. Further plugins (the webhook endpoints) may be registered, and share
 * its error answers. Nothing of a request's body or headers is ever logged.
 */
export function createHttpServer(deps) {
    const { log, registry, readiness, version, serveApi, ...api } = deps;
    const paths = createKnownPaths();
    const server = Fastify({
        logger: false,
        bodyLimit: BODY_LIMIT_BYTES,
        requestTimeout: REQUEST_TIMEOUT_MS,
        return503OnClosing: true,
        genReqId: () => randomUUID(),
        clientErrorHandler: answerClientError,
        frameworkErrors: createErrorHandler(log),
    });
    server.addHook("onRoute", (route) => paths.add(route));
    server.setValidatorCompiler(compileValidator);
    server.setErrorHandler(createErrorHandler(log));
    server.setNotFoundHandler(createNotFoundHandler((path) => paths.methodsOf(path)));
    server.addSchema(ErrorBody);
    serveOpenApi(server, { version, publicUrl: api.publicUrl });
    server.register(healthRoutes, { readiness, registry });
    if (serveApi) {
        server.register(statusPage);
        server.register(apiRoutes, { ...api, prefix: "/api/v1" });
    }
    return server;
}
//# sourceMappingURL=server.js.map