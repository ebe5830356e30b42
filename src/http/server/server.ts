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

/** The bounds of what is served. */
export interface HttpBounds {
  connections: ConnectionBounds;
  access: AccessBounds;
  keyShare: KeyShareBounds;
}

export interface HttpDeps extends Omit<ApiDeps, "guards" | "keyShare" | "onRefused"> {
  log: Logger;
  bounds: HttpBounds;
  /** Told of each call that a bound refuses. */
  onRefused: (reason: RefusedCall) => void;
  /** Told of each connection that a bound closes. */
  onDropped: (reason: DroppedConnection) => void;
  registry: Registry;
  readiness: () => Promise<Readiness>;
  /** The bearer of `/metrics`; undefined: this machine alone may read them. */
  metricsKey?: string | undefined;
  /** Told of each request that is answered 503. */
  onUnavailable: (error: Error) => void;
  /** Asked at each request and answer; left out, the server is open for good. */
  phase?: () => ServerPhase;
  /** Of Headrace, for the OpenAPI document. */
  version: string;
  /** Whose X-Forwarded-For and X-Forwarded-Prefix are believed, addresses and CIDRs. */
  trustedProxies: readonly string[];
  /** Whether this process serves the management API and the pages, or health alone. */
  serveApi: boolean;
  /** What the queue board shows; without them there is none. */
  queues?: BoardQueues;
}

/** Bodies are no larger where a route names no other limit, bytes. */
const BODY_LIMIT_BYTES = 1_048_576;

/** The longest parameter of a path that reaches a route: a header line ends sooner. */
const MAX_PARAM_CHARS = 16_384;

/**
 * The server with its routes, not yet listening. Further plugins (the webhook endpoints) may be registered, and share
 * its error answers. Nothing of a request's body or headers is ever logged.
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
  });
  const server = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: connections.requestTimeoutMs,
    keepAliveTimeout: connections.keepAliveMs,
    http: { headersTimeout: connections.headersTimeoutMs, connectionsCheckingInterval: connections.checkMs },
    return503OnClosing: false,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    // No name is so long: what is longer than names are is refused by the routes, each in its own way.
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
    // Webhooks are answered with the same headers in every case.
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
      if (queues !== undefined)
        await guarded.register(queueBoard, { guards, queues, readPrefix, answerError });
    });
  }
  return server;
}
