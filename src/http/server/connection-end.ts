import type { FastifyInstance } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * `open`: connections are kept. `ending`: requests are served, and each answer ends its connection, so that clients and
 * proxies send the next one elsewhere. `ended`: requests are answered 503, since nothing is there to serve them.
 */
export type ServerPhase = "open" | "ending" | "ended";

/** Ends the connections of a server that stops, each with an answer, so that no request is cut off. */
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
