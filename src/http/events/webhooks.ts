import rateLimit from "@fastify/rate-limit";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";
import { HeadraceError } from "../../domain/errors.ts";
import type { ReceiveAnswer, Receiver, Target } from "../../pipeline/receive/receiver.ts";
import { InboundRequest } from "../../pipeline/receive/schemes/inbound-request.ts";
import { delay } from "../../runtime/delay.ts";
import { createBodyBudget } from "../server/body-budget.ts";
import { watchEventLoop } from "../server/load-shedding.ts";
import { readBody } from "../server/read-body.ts";

/** Bounds that protect the receiver from untrusted senders and from overload. */
export interface WebhookBounds {
  /** Largest body of any scheme, bytes. */
  maxBodyBytes: number;
  /** Total size of all bodies in memory, bytes. Further requests are answered 503. */
  maxBodiesBytes: number;
  /** Requests per second and address (per /64 in IPv6), checked before any other work. */
  requestsPerSecond: number;
  /** Addresses that are counted. */
  maxAddresses: number;
  /** Whether loopback addresses are counted. */
  limitLoopback: boolean;
  /** Deliveries are answered 503 while the median delay of the event loop is longer, ms. */
  maxEventLoopDelayMs: number;
  /** Rejections are answered at multiples of this time, ms, so that the time does not reveal the reason. */
  rejectionStepMs: number;
}

/** Options of the webhook routes. */
export interface WebhookRoutesOptions {
  receiver: Receiver;
  /** The URL that providers call, without the server's own paths. Signatures that cover the URL use it. */
  publicUrl: string;
  bounds: WebhookBounds;
  /** True if events wait so long to be committed or routed that no more can be taken. */
  isBehind: () => boolean;
  onAnswer: (answer: ReceiveAnswer, target: Target, request: FastifyRequest) => void;
  /** Called with the error code of each request that was refused before verification, or could not be stored. */
  onRefused: (code: string) => void;
}

declare module "fastify" {
  interface FastifyRequest {
    /** When the headers were complete, ms of `performance.now()`. */
    receivedMs: number;
    /** Counts the bytes of a large body. */
    takeBytes: ((bytes: number) => boolean) | null;
  }
}

interface TargetParams {
  connector: string;
  tenant_id?: string;
  endpoint?: string;
}

/**
 * Routes of the webhook endpoints. They need no API key, but a valid signature. Bodies of all types are read as bytes.
 */
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

  // The connector's scheme determines how the body is read: no content type is refused.
  server.decorateRequest("receivedMs", 0);
  server.decorateRequest("takeBytes", null);
  server.addHook("onRequest", (request, reply, done) => {
    request.receivedMs = performance.now();
    if (!hasSmallBody(request)) request.takeBytes = bodies.open(reply.raw);
    request.raw.headers["content-type"] = undefined;
    if (!eventLoop.isLate && !isBehind()) return done();
    done(new HeadraceError("store_unavailable", "The server is overloaded"));
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

  /** Responds without returning a promise to Fastify, which would create three more for every delivery. */
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
        // Measured from the arrival, so that an endpoint that must be loaded does not take longer than a cached one.
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
    const hidden = { bodyLimit: bounds.maxBodyBytes, schema: { hide: true }, handler: handle };
    server.route({ method: ["HEAD", "PUT", "PATCH", "DELETE"], url, ...hidden });
    // The URL as some people and providers write it. A signature that covers the URL covers this slash too.
    server.route({
      method: ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE"],
      url: `${url}/`,
      exposeHeadRoute: false,
      ...hidden,
    });
  }
};

const NO_BODY = Buffer.alloc(0);

/** Every 401 has the same headers. None may reveal the remaining requests. */
const NO_HEADERS = {
  "x-ratelimit-limit": false,
  "x-ratelimit-remaining": false,
  "x-ratelimit-reset": false,
} as const;

/** Used only for the OpenAPI document. Bodies and responses are not validated with it. */
const SCHEMA = {
  tags: ["Webhooks"],
  summary: "Receive a delivery of a connector, authenticated by its signature",
  description:
    "200 (or the status that the connector's scheme sets) after its events are committed, and again with the same " +
    "event_id for a duplicate; 401 with an empty body for everything that cannot be trusted; 503 with " +
    "Retry-After while PostgreSQL is unavailable. Without a tenant, the account in the delivery selects the " +
    "endpoint.",
  security: [],
};

const HANDSHAKE_SCHEMA = {
  tags: ["Webhooks"],
  summary: "Answer the handshake with which a provider checks the URL",
  description:
    "The response that the provider documents if the handshake is valid, else 401 with an empty body.",
  security: [],
};

function targetOf(request: FastifyRequest): Target {
  const { connector, tenant_id: tenantId, endpoint = "default" } = request.params as TargetParams;
  return tenantId === undefined ? { connector } : { connector, tenantId, endpoint };
}

/** Small bodies are not counted: the connection limit bounds their total size. */
function hasSmallBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= 65_536;
}

function isLoopback(ip: string): boolean {
  if (ip === "127.0.0.1" || ip === "::1") return true;
  return ipaddr.isValid(ip) && ipaddr.process(ip).range() === "loopback";
}

/** Refuses a compressed body: the signature covers the bytes as they were sent. */
function refuseEncodedBody(request: FastifyRequest): void {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding.toLowerCase() === "identity") return;
  throw new HeadraceError(
    "unsupported_media_type",
    `Content-Encoding ${encoding.slice(0, 100)} is not supported: send the body unencoded`,
  );
}

function nextStep(startedMs: number, stepMs: number): Promise<void> {
  const waitMs = stepMs - ((performance.now() - startedMs) % stepMs);
  return delay(waitMs);
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
          error: { code: "method_not_allowed", message: `This URL allows ${answer.allowed.join(", ")}` },
        });
      return;
    case "rate_limited":
      reply
        .code(429)
        .header("retry-after", Math.ceil(answer.retryAfterMs / 1_000))
        .send({ error: { code: "rate_limited", message: "The tenant exceeds its limits" } });
      return;
    case "challenge":
      if (answer.contentType !== undefined) reply.header("content-type", answer.contentType);
      reply
        .code(answer.status)
        .headers({ ...answer.headers, "x-content-type-options": "nosniff" })
        .send(answer.body);
  }
}
