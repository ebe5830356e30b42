import type { RouteHandlerMethod, RouteOptions } from "fastify";
import { HeadraceError } from "../../domain/errors.ts";
import { createShares, NoShare, type ShareBounds } from "../../runtime/shares.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** True if the call waits for something other than a connection to PostgreSQL: a group commit, or a poll. */
    waits?: boolean;
  }
}

/** Bounds on the concurrent calls of one API key, and on those that wait. */
export type KeyShareBounds = Omit<ShareBounds, "total">;

/**
 * Creates an `onRoute` hook that limits each key to `perHolder` concurrent calls. Further calls of the key wait, and
 * are answered 429 if that takes too long. A call counts until its handler returns, even if its client has
 * disconnected.
 */
export function shareByKey(bounds: KeyShareBounds, onRefused: () => void): (route: RouteOptions) => void {
  const shares = createShares({ ...bounds, total: Number.POSITIVE_INFINITY });

  const take = (keyId: string) =>
    shares.take(keyId).catch((error: unknown) => {
      if (!(error instanceof NoShare)) throw error;
      onRefused();
      throw new HeadraceError(
        "rate_limited",
        "Too many calls with this API key are in progress: wait for their responses",
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
