import rateLimit from "@fastify/rate-limit";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";
import { HeadraceError } from "../../domain/errors.ts";
import type { ReceiveAnswer, Receiver, Target } from "../../pipeline/receive/receiver.ts";
import { InboundRequest } from "../../pipeline/receive/schemes/inbound-request.ts";
import { createBodyBudget } from "../server/body-budget.ts";
import { watchEventLoop } from "../server/load-shedding.ts";
import { readBody } from "../server/read-body.ts";

/** What protects the receiver from those who are not let in, and from more than it can take. */
export interface WebhookBounds {
  /** No body of any scheme is larger, bytes. */
  maxBodyBytes: number;
  /** Of all bodies that are in hand at once, bytes; more are answered 503. */
  maxBodiesBytes: number;
  /** Requests of one address (of IPv6, of one /64) in a second, before any work; addresses that are counted at once. */
  requestsPerSecond: number;
  maxAddresses: number;
  /** Whether loopback addresses are counted. */
  limitLoopback: boolean;
  /** Deliveries are answered 503 while the median delay of the event loop is longer, ms. */
  maxEventLoopDelayMs: number;
  /** A rejection is answered at a multiple of this time, ms, so that the time does not tell its reason. */
  rejectionStepMs: number;
}

export interface WebhookRoutesOptions {
  receiver: Receiver;
  /** The URL that providers call, without the server's own paths: signatures that cover the URL are checked against it. */
  publicUrl: string;
  bounds: WebhookBounds;
  /** True when what came in waits so long, to be committed or to be routed, that no more is taken. */
  isBehind: () => boolean;
  onAnswer: (answer: ReceiveAnswer, target: Target, request: FastifyRequest) => void;
  /** Told of what was refused before it was judged, or could not be stored, by the code of its error. */
  onRefused: (code: string) => void;
}

declare module "fastify" {
  interface FastifyRequest {
    /** When its head was there, ms of `performance.now()`. */
    receivedMs: number;
    /** Counts the bytes of a body that may be large. */
    takeBytes: ((bytes: number) => boolean) | null;
  }
}

interface TargetParams {
  connector: string;
  tenant_id?: string;
  endpoint?: string;
}

/** The webhook endpoints: no API key, the signature is the key. Bodies are taken as bytes, whatever they claim to be. */
export const webhookRoutes: FastifyPluginAsync<WebhookRoutesOptions> = async (server, options) => {
  const { receiver, publicUrl, bounds, isBehind, onAnswer, onRefused } = options;
  const bodies = createBodyBudget(bounds.maxBodiesBytes);

  await server.register(rateLimit, {
    max: bounds.requestsPerSecond,
    timeWindow: 1_000,
    cache: bounds.maxAddresses,
    allowList: ({ ip }) => !bounds.limitLoopback && isLoopback(ip),
    addHeaders: NO_HEADERS,
    addHeadersOnExceeding: NO_HEADERS,
    errorResponseBuilder: () => new HeadraceError("rate_limited", "Too many requests from this address"),
  });
  const eventLoop = watchEventLoop(bounds.maxEventLoopDelayMs);
  server.addHook("onClose", async () => eventLoop.stop());

  // What a body is follows from its connector's scheme: no content type, however odd, keeps a delivery out.
  server.decorateRequest("receivedMs", 0);
  server.decorateRequest("takeBytes", null);
  server.addHook("onRequest", (request, reply, done) => {
    request.receivedMs = performance.now();
    if (!hasSmallBody(request)) request.takeBytes = bodies.open(reply.raw);
    request.raw.headers["content-type"] = undefined;
    if (!eventLoop.isLate && !isBehind()) return done();
    done(new HeadraceError("store_unavailable", "More comes in than can be taken"));
  });
  server.addHook("onError", (_request, _reply, error, done) => {
    const isSenders = (error.statusCode ?? 500) < 500;
    onRefused(error instanceof HeadraceError ? error.code : isSenders ? "invalid_request" : "internal");
    done();
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", (request, payload, done) => {
    refuseEncodedBody(request);
    const statedBytes = Number(request.headers["content-length"] ?? 0);
    const take = request.takeBytes ?? (() => true);
    const read = (limitBytes: number) => readBody(payload, { statedBytes, limitBytes, take }, done);
    const limit = receiver.bodyLimitBytes(targetOf(request));
    if (limit instanceof Promise) limit.then(read, done);
    else read(limit);
  });

  /** Answers by itself, without a promise for Fastify to wait for: that would be three more for every delivery. */
  function handle(request: FastifyRequest, reply: FastifyReply): void {
    const target = targetOf(request);
    const inbound = new InboundRequest({
      method: request.method,
      url: `${publicUrl}${request.raw.url}`,
      rawHeaders: request.raw.rawHeaders,
      body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
    });
    receiver
      .receive(target, inbound)
      .then((answer) => {
        onAnswer(answer, target, request);
        if (answer.kind !== "rejected") return sendAnswer(reply, answer);
        // From its arrival: an endpoint that had to be looked up must not take longer than one that is known.
        return nextStep(request.receivedMs, bounds.rejectionStepMs).then(() => sendAnswer(reply, answer));
      })
      .catch((error: unknown) => reply.send(error));
  }

  for (const url of [
    "/api/v1/webhooks/:connector",
    "/api/v1/webhooks/:connector/:tenant_id",
    "/api/v1/webhooks/:connector/:tenant_id/:endpoint",
  ]) {
    server.post(url, { bodyLimit: bounds.maxBodyBytes, schema: SCHEMA }, handle);
    server.get(url, { exposeHeadRoute: false, schema: HANDSHAKE_SCHEMA }, handle);
    server.route({
      method: ["PUT", "PATCH", "DELETE"],
      url,
      bodyLimit: bounds.maxBodyBytes,
      schema: { hide: true },
      handler: handle,
    });
  }
};

const NO_BODY = Buffer.alloc(0);

/** A 401 has the same headers in every case, so none may tell what is left. */
const NO_HEADERS = {
  "x-ratelimit-limit": false,
  "x-ratelimit-remaining": false,
  "x-ratelimit-reset": false,
} as const;

/** For the OpenAPI document alone: neither body nor answer is checked or written by it. */
const SCHEMA = {
  tags: ["Webhooks"],
  summary: "Take a delivery of a connector: the signature is the key",
  description:
    "200 (or the status that the connector's scheme names) once its events are committed, and again with the same " +
    "event_id when it comes again; 401 with an empty body for everything that cannot be trusted; 503 with " +
    "Retry-After when PostgreSQL cannot take it now. Without a tenant, the account that the delivery names picks the " +
    "endpoint.",
  security: [],
};

const HANDSHAKE_SCHEMA = {
  tags: ["Webhooks"],
  summary: "Answer the handshake by which a provider checks the URL",
  description: "What the provider documents where the handshake holds, else 401 with an empty body.",
  security: [],
};

function targetOf(request: FastifyRequest): Target {
  const { connector, tenant_id: tenantId, endpoint = "default" } = request.params as TargetParams;
  return tenantId === undefined ? { connector } : { connector, tenantId, endpoint };
}

/** Small ones are not counted: as many as there are connections fit in memory. */
function hasSmallBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= 65_536;
}

function isLoopback(ip: string): boolean {
  if (ip === "127.0.0.1" || ip === "::1") return true;
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === "loopback";
}

/** A signature covers the bytes as they were sent; what was packed on the way cannot be checked. */
function refuseEncodedBody(request: FastifyRequest): void {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw new HeadraceError(
    "unsupported_media_type",
    `Content-Encoding ${encoding.slice(0, 100)} is not accepted: send the body as it is`,
  );
}

function nextStep(startedMs: number, stepMs: number): Promise<void> {
  const waitMs = stepMs - ((performance.now() - startedMs) % stepMs);
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}

function sendAnswer(reply: FastifyReply, answer: ReceiveAnswer): void {
  switch (answer.kind) {
    case "accepted":
    case "duplicate": {
      const [eventId] = answer.eventIds;
      reply.code(answer.ack.status);
      if (answer.ack.body === "empty") reply.send();
      else if (answer.eventIds.length === 1) reply.send({ status: answer.kind, event_id: eventId });
      else if (eventId === undefined) reply.send({ status: answer.kind });
      else reply.send({ status: answer.kind, event_id: eventId, event_ids: answer.eventIds });
      return;
    }
    case "rejected":
      reply.code(401).send();
      return;
    case "method_not_allowed":
      reply
        .code(405)
        .header("allow", answer.allowed.join(", "))
        .send({
          error: { code: "method_not_allowed", message: `This URL takes ${answer.allowed.join(", ")}` },
        });
      return;
    case "rate_limited":
      reply
        .code(429)
        .header("retry-after", Math.ceil(answer.retryAfterMs / 1_000))
        .send({ error: { code: "rate_limited", message: "The tenant sends more than it may" } });
      return;
    case "challenge":
      if (answer.contentType !== undefined) reply.header("content-type", answer.contentType);
      reply
        .code(answer.status)
        .headers({ ...answer.headers, "x-content-type-options": "nosniff" })
        .send(answer.body);
  }
}
