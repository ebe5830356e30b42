import type { IncomingMessage, ServerResponse } from "node:http";
import type { Queue } from "bullmq";
import type { FastifyPluginAsync } from "fastify";
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
}> = async (server, { guards, queues, readPrefix }) => {
  server.addHook("onRequest", async (request, reply) => {
    reply.headers(HEADERS);
    try {
      await guards.key(keyOf(request.headers.authorization), "admin")(request, reply);
    } catch (error) {
      if (error instanceof HeadraceError && error.code === "unauthorized") {
        reply.header("www-authenticate", 'Basic realm="Headrace: an admin key is the password"');
      }
      throw error;
    }
  });
  let board: Promise<Board> | undefined;
  server.addHook("onRequest", async (request, reply) => {
    board ??= openBoard(queues).catch((error) => {
      // The next request tries again.
      board = undefined;
      throw error;
    });
    const { serve } = await board;
    reply.hijack();
    for (const [name, value] of Object.entries(HEADERS)) reply.raw.setHeader(name, value);
    serve(request.raw, reply.raw, readPrefix(request));
  });
  server.addHook("onClose", async () => {
    await (await board)?.close();
  });
  // The second hook answers. Bull Board is loaded by its first request, since its packages take a sixth of a start.
  for (const url of [QUEUE_BOARD_PATH, `${QUEUE_BOARD_PATH}/*`]) server.all(url, () => {});
};

interface Board {
  serve(request: IncomingMessage, response: ServerResponse, prefix: string): void;
  close(): Promise<void>;
}

async function openBoard(queues: BoardQueues): Promise<Board> {
  const [{ fastify }, { createBullBoard }, { BullMQAdapter }, { FastifyAdapter }] = await Promise.all([
    import("fastify"),
    import("@bull-board/api"),
    import("@bull-board/api/bullMQAdapter"),
    import("@bull-board/fastify"),
  ]);
  const adapter = new FastifyAdapter();
  adapter.setBasePath(QUEUE_BOARD_PATH);
  createBullBoard({
    serverAdapter: adapter,
    queues: [...queues].map(
      ([lane, queue]) => new BullMQAdapter(queue, { prefix: `P${lane} `, readOnlyMode: true }),
    ),
    options: { uiConfig: { boardTitle: "Headrace queues" } },
  });
  const prefixes = new WeakMap<IncomingMessage, string>();
  const server = fastify();
  // The page handler runs directly after this hook and reads the path then.
  server.addHook("preHandler", (request, _reply, done) => {
    adapter.setBasePath(`${prefixes.get(request.raw) ?? ""}${QUEUE_BOARD_PATH}`);
    done();
  });
  await server.register(adapter.registerPlugin(), { prefix: QUEUE_BOARD_PATH });
  await server.ready();
  return {
    serve(request, response, prefix) {
      prefixes.set(request, prefix);
      server.routing(request, response);
    },
    close: () => server.close(),
  };
}

function keyOf(header = ""): string {
  const [scheme = "", value = ""] = header.split(/ +/, 2);
  if (scheme.toLowerCase() !== "basic") return scheme.toLowerCase() === "bearer" ? value : "";
  const pair = Buffer.from(value, "base64").toString();
  return pair.slice(pair.indexOf(":") + 1);
}
