import type { FastifyPluginAsync } from "fastify";

/** Orders of the demo shop. */
const ORDERS = 12;
/** Time between two changes of the demo orders, which take turns, ms. */
const STEP_MS = 20_000;
const STATUSES = ["pending", "paid", "shipped", "completed"] as const;

/** The endpoint that the demo source polls: the orders of a shop, one of which changes its status every 20 s. */
export const demoOrders: FastifyPluginAsync<{ path: string; now: () => number }> = async (
  server,
  { path, now },
) => {
  server.get(path, async (_request, reply) => reply.send({ orders: ordersAt(now()), total: ORDERS }));
};

/** Returns the orders at a time, Unix ms. They depend on nothing else, so every process returns the same. */
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
