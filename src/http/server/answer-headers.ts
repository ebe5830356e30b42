import type { FastifyInstance } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * Adds `X-Content-Type-Options: nosniff` to every response, and `Cache-Control: no-store` to API responses without
 * another value, because they may contain a key or a secret. Refuses requests with two Host headers, which proxies
 * interpret differently.
 */
export function addAnswerHeaders(server: FastifyInstance): void {
  server.addHook("onRequest", async ({ raw: { rawHeaders } }) => {
    const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host");
    if (hosts.length > 1) throw new HeadraceError("invalid_request", "The request has several Host headers");
  });
  server.addHook("onSend", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    if (request.url.startsWith("/api/") && !reply.hasHeader("cache-control"))
      reply.header("cache-control", "no-store");
  });
}
