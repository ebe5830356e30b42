import { describe, expect, test } from "vitest";
import type { AcceptedEvent } from "../../domain/event/accepted-event.ts";
import { normalize } from "../../domain/event/normalize.ts";
import { normalizeForRun } from "./normalize-for-run.ts";

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

describe("normalizeForRun", () => {
  test("parses only the template paths of a large event for an HTTP action, and none for a handler", async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => ({ id, note: "lorem" }));
    const large = { ...ACCEPTED, payload: Buffer.from(JSON.stringify({ lines, order: { id: 7 } })) };
    const run = await normalizeForRun(large, {
      type: "http",
      url: "https://t.example/{{event.data.order.id}}",
    });
    const event = run.kind === "normalized" ? run.event : undefined;
    expect([event?.data, event?.dataText]).toEqual([{ order: { id: 7 } }, large.payload]);
    const handled = await normalizeForRun(large, CODE);
    const given = handled.kind === "normalized" ? handled.event : undefined;
    expect([given?.data, given?.dataText, given?.type]).toEqual([{}, large.payload, "order.paid"]);
  });

  test("parses a small event again for each run", async () => {
    const [first, second] = [await normalizeForRun(ACCEPTED, CODE), await normalizeForRun(ACCEPTED, CODE)];
    expect(first).not.toBe(second);
    expect([first, second]).toEqual([normalize(ACCEPTED), normalize(ACCEPTED)]);
  });
});
