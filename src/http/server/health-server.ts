import Fastify, { type FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Logger } from "../../runtime/logger.ts";
import { ErrorBody } from "../error-schema.ts";
import { createClientErrorHandler, createErrorHandler, createNotFoundHandler } from "../errors.ts";
import { healthRoutes, type Readiness } from "../pages/health.ts";
import { addAnswerHeaders } from "./answer-headers.ts";

/** Timeout of a request, ms. */
const REQUEST_TIMEOUT_MS = 10_000;

/** How long a connection stays open after an error response, ms. */
const LINGER_MS = 1_000;

/** Creates the server of `/healthz`, `/readyz` and `/metrics` on a separate port, not yet listening. */
export function createHealthServer(deps: {
  log: Logger;
  registry: Registry;
  readiness: () => Promise<Readiness>;
  metricsKey: string | undefined;
}): FastifyInstance {
  const { log, ...health } = deps;
  const answerError = createErrorHandler({
    log,
    onUnavailable: () => {},
    onTenantShareTaken: () => {},
    lingerMs: LINGER_MS,
  });
  const server = Fastify({
    logger: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    clientErrorHandler: createClientErrorHandler(LINGER_MS, () => {}),
    frameworkErrors: answerError,
  });
  server.setErrorHandler(answerError);
  server.setNotFoundHandler(createNotFoundHandler(() => []));
  server.addSchema(ErrorBody);
  addAnswerHeaders(server);
  server.register(healthRoutes, health);
  return server;
}
