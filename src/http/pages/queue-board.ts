import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import type { Queue } from "bullmq";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Guards } from "../access/authenticate.ts";
import type { ReadPrefix } from "../server/forwarded-prefix.ts";

/** The path of the queue board. */
export const QUEUE_BOARD_PATH = "/admin/queues";

/** BullMQ's queues by lane. */
export type BoardQueues = ReadonlyMap<Priority, Queue>;

const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * Bull Board over the queues, read-only, because jobs are recreated from PostgreSQL. Requires an admin key, as a bearer
 * token or, in a browser, as the password of any user.
 */
export const queueBoard: FastifyPluginAsync<{
  guards: Guards;
  queues: BoardQueues;
  readPrefix: ReadPrefix;
  answerError: (error: Error, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
}> = async (server, { guards, queues, readPrefix, answerError }) => {
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    try {
      await guards.key(keyOf(request.headers.authorization), "admin")(request, reply);
    } catch (error) {
      if (error instanceof HeadraceError && error.code === "unauthorized") {
        reply.header("www-authenticate", 'Basic realm="Headrace: an admin key is the password"');
      }
      // Bull Board has its own error handler, which does not know our errors.
      return answerError(error as Error, request, reply);
    }
  });
  const adapter = new FastifyAdapter();
  adapter.setBasePath(QUEUE_BOARD_PATH);
  // The page handler runs directly after this hook and reads the path then.
  server.addHook("preHandler", (request, _reply, done) => {
    adapter.setBasePath(`${readPrefix(request)}${QUEUE_BOARD_PATH}`);
    done();
  });
  createBullBoard({
    serverAdapter: adapter,
    queues: [...queues].map(
      ([lane, queue]) => new BullMQAdapter(queue, { prefix: `P${lane} `, readOnlyMode: true }),
    ),
    options: { uiConfig: { boardTitle: "Headrace queues" } },
  });
  await server.register(adapter.registerPlugin(), { prefix: QUEUE_BOARD_PATH });
};

function keyOf(header = ""): string {
  const [scheme = "", value = ""] = header.split(/ +/, 2);
  if (scheme.toLowerCase() !== "basic") return scheme.toLowerCase() === "bearer" ? value : "";
  const pair = Buffer.from(value, "base64").toString();
  return pair.slice(pair.indexOf(":") + 1);
}
