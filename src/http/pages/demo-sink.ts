import type { FastifyPluginAsync } from "fastify";
import type { Logger } from "../../runtime/logger.ts";

/** What the demo's flows call: it logs that it was called and by which run, and answers 200. */
export const demoSink: FastifyPluginAsync<{ path: string; log: Logger }> = async (server, { path, log }) => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.post(path, async (request, reply) => {
    log.info(
      { webhook_id: request.headers["webhook-id"], idempotency_key: request.headers["idempotency-key"] },
      "the demo's target was called by a run",
    );
    return reply.code(200).send({ ok: true });
  });
};
