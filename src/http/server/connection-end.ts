import type { FastifyInstance } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * The phase of a server. `open`: connections are kept. `ending`: requests are served, and each response closes its
 * connection, so that clients and proxies use another server. `ended`: requests are answered 503.
 */
export type ServerPhase = "open" | "ending" | "ended";

/** Closes the connections of a stopping server, each with a response, so that no request is cut off. */
export function addConnectionEnd(server: FastifyInstance, phase: () => ServerPhase): void {
  server.addHook("onRequest", (_request, _reply, done) => {
    if (phase() === "ended") done(new HeadraceError("stopping", "This process is stopping; try again"));
    else done();
  });
  server.addHook("onSend", (_request, reply, payload, done) => {
    if (phase() !== "open") reply.header("connection", "close");
    done(null, payload);
  });
}
