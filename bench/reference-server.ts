import Fastify from "fastify";
import { presetScheme } from "../src/pipeline/receive/presets/index.ts";
import { InboundRequest } from "../src/pipeline/receive/schemes/inbound-request.ts";
import { createVerifier } from "../src/pipeline/receive/schemes/verify.ts";

/**
 * "The reference": the same Fastify with the same route, which verifies the same deliveries with the same verifier,
 * parses their JSON, responds, and stores nothing. Runs as a separate process with PORT and SECRET.
 */
const port = Number(process.env["PORT"]);
const verify = createVerifier(presetScheme("standard-webhooks", {}), [
  { value: process.env["SECRET"] ?? "" },
]);
const server = Fastify();
server.removeAllContentTypeParsers();
server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
server.post("/api/v1/webhooks/:connector/:tenant_id", (request, reply) => {
  const delivery = new InboundRequest({
    method: request.method,
    url: `http://127.0.0.1${request.raw.url}`,
    rawHeaders: request.raw.rawHeaders,
    body: request.body as Buffer,
  });
  if (verify(delivery, Date.now()).kind !== "authentic") {
    reply.code(401).send();
    return;
  }
  const { parsed } = delivery;
  reply.send({ status: parsed.kind === "parsed" ? "accepted" : "unreadable", event_id: "" });
});
await server.listen({ port, host: "127.0.0.1" });
