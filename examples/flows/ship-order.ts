import { defineFlow } from "headrace";

interface Order {
  order: string;
  status: string;
  total: number;
}

interface Parcel {
  parcel: string;
  weightGrams: number;
}

/** Ships a paid order in two steps: a retry, also one after a crash, goes on behind the last finished step. */
export default defineFlow(
  {
    id: "ship-order",
    name: "Ship an order",
    trigger: { connector: "demo", event_types: ["order.paid"], where: "data.order exists" },
    retry: { max_attempts: 8, backoff: "exponential", delay_ms: 1_000 },
  },
  async ({ event, log, step, signal }) => {
    const { data: order } = event.data as { data: Order };

    const parcel = await step("pack", (): Parcel => {
      return { parcel: `parcel-of-${order.order}`, weightGrams: 250 };
    });

    // A step that is interrupted is done again: its key tells the target that it is the same one.
    await step("label", async ({ idempotencyKey }) => {
      signal.throwIfAborted();
      log.info("label printed", { ...parcel, idempotencyKey });
    });
  },
);
