import type { FastifyPluginAsync } from "fastify";
import type { Logger } from "../../runtime/logger.ts";

/** The target that the demo's flows call. It logs the call and responds 200. */
export const demoSink: FastifyPluginAsync<{ path: string; log: Logger }> = async (server, { path, log }) => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.post(path, async (request, reply) => {
    log.info(
      { webhook_id: request.headers["webhook-id"], idempotency_key: request.headers["idempotency-key"] },
      "a run called the demo target",
    );
    return reply.code(200).send({ ok: true });
  });
};
