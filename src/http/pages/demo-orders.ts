import type { FastifyPluginAsync } from "fastify";

const ORDERS = 12;
/** One of the orders changes so often, each in its turn, ms. */
const STEP_MS = 20_000;
const STATUSES = ["pending", "paid", "shipped", "completed"] as const;

/** What the demo's source polls: the orders of a shop, one of which goes on to its next status every 20 s. */
export const demoOrders: FastifyPluginAsync<{ path: string; now: () => number }> = async (
  server,
  { path, now },
) => {
  server.get(path, async (_request, reply) => reply.send({ orders: ordersAt(now()), total: ORDERS }));
};

/** The orders at a moment, Unix ms: nothing else makes them, so that every process tells the same. */
export function ordersAt(nowMs: number): Record<string, unknown>[] {
  const step = Math.floor(nowMs / STEP_MS);
  return Array.from({ length: ORDERS }, (_, index) => {
    const turns = Math.floor((step - index) / ORDERS);
    return {
      id: `A-${1_001 + index}`,
      status: STATUSES[turns % STATUSES.length],
      total: 40 + 35 * index,
      customer: { email: `customer${index + 1}@example.com` },
      updated_at: new Date((turns * ORDERS + index) * STEP_MS).toISOString(),
    };
  });
}
