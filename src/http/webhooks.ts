import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../domain/errors.ts";
import { InboundRequest } from "../pipeline/receive/inbound-request.ts";
import type { ReceiveAnswer } from "../pipeline/receive/receiver.ts";
import type { EndpointName } from "../postgres/receiving-endpoints.ts";

export interface WebhookRoutesOptions {
  receive: (name: EndpointName, request: InboundRequest) => Promise<ReceiveAnswer>;
  /** What providers call, without a path: signatures that cover the URL are checked against it. */
  publicUrl: string;
  /** No body of any scheme is larger, bytes. */
  bodyLimitBytes: number;
  onAnswer: (answer: ReceiveAnswer, name: EndpointName) => void;
}

interface EndpointParams {
  connector: string;
  tenant_id: string;
  endpoint?: string;
}

/** The webhook endpoints: no API key, the signature is the key. Bodies are taken as bytes, whatever they claim to be. */
export const webhookRoutes: FastifyPluginAsync<WebhookRoutesOptions> = async (server, options) => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    refuseEncodedBody(request);
    const { connector, tenant_id: tenantId, endpoint = "default" } = request.params as EndpointParams;
    const name = { connector, tenantId, endpoint };
    const answer = await options.receive(
      name,
      new InboundRequest({
        method: request.method,
        url: `${options.publicUrl}${request.raw.url}`,
        rawHeaders: request.raw.rawHeaders,
        body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
      }),
    );
    options.onAnswer(answer, name);
    return sendAnswer(reply, answer);
  }

  for (const path of [
    "/api/v1/webhooks/:connector/:tenant_id",
    "/api/v1/webhooks/:connector/:tenant_id/:endpoint",
  ]) {
    server.post(path, { bodyLimit: options.bodyLimitBytes, schema: SCHEMA }, handle);
  }
};

const NO_BODY = Buffer.alloc(0);

/** For the OpenAPI document alone: neither body nor answer is checked or written by it. */
const SCHEMA = {
  tags: ["Webhooks"],
  summary: "Take a delivery of a connector for a tenant: the signature is the key",
  description:
    "200 (or the status that the connector's scheme names) once its events are committed, and again with the same " +
    "event_id when it comes again; 401 with an empty body for everything that cannot be trusted; 503 with " +
    "Retry-After when PostgreSQL cannot take it now.",
  security: [],
};

/** A signature covers the bytes as they were sent; what was packed on the way cannot be checked. */
function refuseEncodedBody(request: FastifyRequest): void {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw new HeadraceError(
    "unsupported_media_type",
    `Content-Encoding ${encoding.slice(0, 100)} is not accepted: send the body as it is`,
  );
}

function sendAnswer(reply: FastifyReply, answer: ReceiveAnswer): FastifyReply {
  switch (answer.kind) {
    case "accepted":
    case "duplicate": {
      const [eventId] = answer.eventIds;
      if (answer.ack.body === "empty") return reply.code(answer.ack.status).send();
      return reply.code(answer.ack.status).send({
        status: answer.kind,
        ...(eventId === undefined ? {} : { event_id: eventId }),
        ...(answer.eventIds.length > 1 ? { event_ids: answer.eventIds } : {}),
      });
    }
    case "rejected":
      return reply.code(401).send();
    case "too_large":
      throw new HeadraceError("payload_too_large", `The body is larger than ${answer.limitBytes} bytes`);
    case "challenge":
      if (answer.contentType !== undefined) reply.header("content-type", answer.contentType);
      return reply.code(answer.status).header("x-content-type-options", "nosniff").send(answer.body);
  }
}
