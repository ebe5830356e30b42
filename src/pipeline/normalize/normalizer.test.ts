import { describe, expect, test } from "vitest";
import type { AcceptedEvent } from "../../domain/event/accepted-event.ts";
import { type Normalized, normalize } from "../../domain/event/normalize.ts";
import { createNormalizer } from "./normalizer.ts";

const ACCEPTED: AcceptedEvent = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  tenantId: "acme",
  connector: "shop",
  endpoint: "main",
  type: "order.paid",
  source: "webhook",
  priority: 2,
  subject: undefined,
  occurredAtMs: undefined,
  receivedAtMs: 1_700_000_000_000,
  deliveryKey: "k",
  item: 0,
  headers: {},
  contentType: "application/json",
  payload: Buffer.from('{"lines":[1]}'),
};

const CODE = { type: "code", handler: "h" } as const;

describe("createNormalizer", () => {
  test("parses only the template paths of a large event for an HTTP action", async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => ({ id, note: "lorem" }));
    const large = { ...ACCEPTED, payload: Buffer.from(JSON.stringify({ lines, order: { id: 7 } })) };
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

  test("shares the router's parsed event with the first run only", () => {
    const normalizer = createNormalizer();
    const routed = normalizer.toRoute(ACCEPTED);
    const toRun = () => normalizer.toRun(ACCEPTED, CODE) as Normalized;
    const runs = [toRun(), toRun(), toRun()];
    expect(runs[0]).toBe(routed);
    if (runs[0]?.kind === "normalized") (runs[0].event.data as { lines: number[] }).lines.push(2);
    expect(runs[1]).not.toBe(runs[2]);
    expect(runs.slice(1)).toEqual([normalize(ACCEPTED), normalize(ACCEPTED)]);
  });
});
