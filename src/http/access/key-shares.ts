import type { RouteHandlerMethod, RouteOptions } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";
import { createShares, NoShare, type ShareBounds } from "../../runtime/shares.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** A call of the route waits for what is no connection to PostgreSQL: a commit of many events, or a poll. */
    waits?: boolean;
  }
}

/** Calls of one API key that are under way at once, and those that wait for their turn. */
export type KeyShareBounds = Omit<ShareBounds, "total">;

/**
 * Makes an `onRoute` hook after which at most `perHolder` calls of one key are carried out at once. Others of the key
 * wait, and are answered 429 when that takes too long. A call counts until its handler ends, whether or not its client
 * still waits.
 */
export function shareByKey(bounds: KeyShareBounds, onRefused: () => void): (route: RouteOptions) => void {
  const shares = createShares({ ...bounds, total: Number.POSITIVE_INFINITY });

  const take = (keyId: string) =>
    shares.take(keyId).catch((error: unknown) => {
      if (!(error instanceof NoShare)) throw error;
      onRefused();
      throw new HeadraceError(
        "rate_limited",
        "Too many calls with this API key are under way: wait for their answers",
      );
    });

  return (route) => {
    if (route.config?.waits) return;
    const { handler } = route;
    const shared: RouteHandlerMethod = async function (request, reply) {
      const release = await take(request.apiKey?.id ?? "");
      try {
        return await handler.call(this, request, reply);
      } finally {
        release();
      }
    };
    route.handler = shared;
  };
}
