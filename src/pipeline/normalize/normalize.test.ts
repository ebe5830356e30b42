import { describe, expect, test } from "vitest";
import type { StoredEvent } from "../../postgres/events/events.ts";
import { createNormalizer, type Normalized, normalize } from "./normalize.ts";

const STORED: StoredEvent = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  ...{
    tenantId: "acme",
    connector: "shop",
    endpoint: "main",
    type: "order.paid",
    source: "webhook",
    priority: 2,
  },
  ...{
    subject: undefined,
    occurredAtMs: undefined,
    receivedAtMs: 1_700_000_000_000,
    deliveryKey: "k",
    item: 0,
  },
  ...{ headers: {}, contentType: "application/json", flowsCounter: 1 },
  payload: Buffer.from('{"lines":[1]}'),
};

const CODE = { type: "code", handler: "h" } as const;

describe("an event that is routed and executed in one process", () => {
  test("is read in slices when it is large, for an HTTP action only what its templates take", async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => ({ id, note: "lorem" }));
    const large = { ...STORED, payload: Buffer.from(JSON.stringify({ lines, order: { id: 7 } })) };
    const normalizer = createNormalizer();
    const run = await normalizer.toRun(large, {
      type: "http",
      url: "https://t.example/{{event.data.order.id}}",
    });
    const event = run.kind === "normalized" ? run.event : undefined;
    expect([event?.data, event?.dataText]).toEqual([{ order: { id: 7 } }, large.payload]);
    const whole = await normalizer.toRun(large, CODE);
    expect(whole).toEqual(normalize(large));
  });

  test("is read once for the router and the first run, and anew for the other runs", () => {
    const normalizer = createNormalizer();
    const routed = normalizer.toRoute(STORED);
    const toRun = () => normalizer.toRun(STORED, CODE) as Normalized;
    const runs = [toRun(), toRun(), toRun()];
    expect(runs[0]).toBe(routed);
    if (runs[0]?.kind === "normalized") (runs[0].event.data as { lines: number[] }).lines.push(2);
    expect(runs[1]).not.toBe(runs[2]);
    expect(runs.slice(1)).toEqual([normalize(STORED), normalize(STORED)]);
  });
});
