import { randomUUID } from "node:crypto";
import rateLimit from "@fastify/rate-limit";
import Fastify, { type FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Logger } from "../../runtime/logger.ts";
import { type AccessBounds, createGuards, type RefusedCall } from "../access/authenticate.ts";
import type { KeyShareBounds } from "../access/key-shares.ts";
import { type ApiDeps, apiRoutes } from "../api.ts";
import { ErrorBody } from "../error-schema.ts";
import { createClientErrorHandler, createErrorHandler, createNotFoundHandler } from "../errors.ts";
import { healthRoutes, type Readiness } from "../pages/health.ts";
import { type BoardQueues, queueBoard } from "../pages/queue-board.ts";
import { statusPage } from "../pages/status-page.ts";
import { addAnswerHeaders } from "./answer-headers.ts";
import { addConnectionEnd, type ServerPhase } from "./connection-end.ts";
import {
  boundAnswer,
  boundConnections,
  type ConnectionBounds,
  type DroppedConnection,
} from "./connections.ts";
import { createPrefixReader } from "./forwarded-prefix.ts";
import { createKnownPaths } from "./known-paths.ts";
import { serveOpenApi } from "./openapi.ts";
import { buildSerializers } from "./serializers.ts";
import { compileValidator } from "./validation.ts";

/** Bounds of the HTTP server. */
export interface HttpBounds {
  connections: ConnectionBounds;
  access: AccessBounds;
  keyShare: KeyShareBounds;
}

/** Dependencies of the HTTP server. */
export interface HttpDeps extends Omit<ApiDeps, "guards" | "keyShare" | "onRefused"> {
  log: Logger;
  bounds: HttpBounds;
  /** Called for each call that a bound refuses. */
  onRefused: (reason: RefusedCall) => void;
  /** Called for each connection that a bound closes. */
  onDropped: (reason: DroppedConnection) => void;
  registry: Registry;
  readiness: () => Promise<Readiness>;
  /** The bearer token of `/metrics`. If undefined, only this machine may read them. */
  metricsKey?: string | undefined;
  /** Called for each request that is answered 503. */
  onUnavailable: (error: Error) => void;
  /** Called for each request and response. Default: always open. */
  phase?: () => ServerPhase;
  /** The version of Headrace in the OpenAPI document. */
  version: string;
  /** Proxies whose X-Forwarded-For and X-Forwarded-Prefix are trusted: addresses and CIDRs. */
  trustedProxies: readonly string[];
  /** Whether this process serves the management API and the pages, or only health. */
  serveApi: boolean;
  /** The queues of the queue board. Without them there is no board. */
  queues?: BoardQueues;
}

/** Default limit of request bodies, bytes. */
const BODY_LIMIT_BYTES = 1_048_576;

/** Longest path parameter that reaches a route, characters. Header lines have a lower limit. */
const MAX_PARAM_CHARS = 16_384;

/**
 * Creates the server with its routes, not yet listening. Further plugins (the webhook endpoints) may be registered and
 * share its error handler. Bodies and headers of requests are never logged.
 */
export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const { log, registry, readiness, onUnavailable, phase, version, trustedProxies, serveApi, ...rest } = deps;
  const { metricsKey, queues, bounds, onRefused, onDropped, ...api } = rest;
  const { connections } = bounds;
  const paths = createKnownPaths();
  const answerError = createErrorHandler({
    log,
    onUnavailable,
    onTenantShareTaken: () => onRefused("tenant_share"),
    lingerMs: connections.lingerMs,
  });
  const server = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: connections.requestTimeoutMs,
    keepAliveTimeout: connections.keepAliveMs,
    http: { headersTimeout: connections.headersTimeoutMs, connectionsCheckingInterval: connections.checkMs },
    return503OnClosing: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    // Longer than any name: the routes refuse names that are too long, each in its own way.
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    schemaController: { compilersFactory: { buildSerializer: buildSerializers } },
    genReqId: () => randomUUID(),
    clientErrorHandler: createClientErrorHandler(connections.lingerMs, () => onDropped("request_timeout")),
    frameworkErrors: answerError,
  });
  boundConnections(server.server, connections, onDropped);
  server.addHook("onSend", (_request, reply, payload, done) => {
    boundAnswer(reply.raw, { payload, answerMs: connections.answerMs }, onDropped);
    done();
  });
  server.decorateRequest("apiKey", null);
  server.addHook("onRequest", (request, reply, done) => {
    // Webhook responses always have the same headers.
    if (!request.url.startsWith("/api/v1/webhooks/")) reply.header("x-request-id", request.id);
    done();
  });
  server.addHook("onRoute", (route) => paths.add(route));
  server.setValidatorCompiler(compileValidator);
  server.setErrorHandler(answerError);
  server.setNotFoundHandler(createNotFoundHandler((path) => paths.methodsOf(path)));
  server.addSchema(ErrorBody);
  addAnswerHeaders(server);
  if (phase !== undefined) addConnectionEnd(server, phase);

  const readPrefix = createPrefixReader(trustedProxies);
  serveOpenApi(server, { version, publicUrl: api.publicUrl, readPrefix });
  server.register(healthRoutes, { readiness, registry, metricsKey });
  if (serveApi) {
    server.register(statusPage, { readPrefix });
    server.register(rateLimit, { global: false });
    server.register(async (guarded) => {
      const guards = createGuards(guarded, {
        database: api.database,
        bounds: bounds.access,
        onRefused,
        keyUse: api.keyUse,
      });
      const { keyShare } = bounds;
      await guarded.register(apiRoutes, { ...api, guards, keyShare, onRefused, prefix: "/api/v1" });
      if (queues !== undefined) await guarded.register(queueBoard, { guards, queues, readPrefix });
    });
  }
  return server;
}
