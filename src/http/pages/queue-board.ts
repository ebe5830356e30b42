import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import type { Queue } from "bullmq";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";
import type { Priority } from "../../domain/priority.ts";
import type { Guards } from "../access/authenticate.ts";
import type { ReadPrefix } from "../server/forwarded-prefix.ts";

export const QUEUE_BOARD_PATH = "/admin/queues";

/** BullMQ's queues by lane, for the eyes of administrators. */
export type BoardQueues = ReadonlyMap<Priority, Queue>;

const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * Bull Board over the queues, to look at and not to change: what they hold is made again from PostgreSQL. An admin key
 * opens it, as a bearer token or, in a browser, as the password of any user.
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
      // The board has an error handler of its own, which knows none of ours.
      return answerError(error as Error, request, reply);
    }
  });
  const adapter = new FastifyAdapter();
  adapter.setBasePath(QUEUE_BOARD_PATH);
  // The handler of the page follows at once, and reads the path then.
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
