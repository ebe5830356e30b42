import { describe, expect, test } from "vitest";
import { EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { normalize } from "../../domain/event/normalize.ts";
import { finish } from "../../domain/slices.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import { decideRouting } from "./decide.ts";

function stored(id: string, payload = "{}"): StoredEvent {
  return {
    id,
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    type: "t",
    source: "webhook",
    priority: 2,
    subject: undefined,
    occurredAtMs: undefined,
    receivedAtMs: 0,
    deliveryKey: id,
    item: 0,
    headers: {},
    contentType: "application/json",
    flowsCounter: 1,
    payload: Buffer.from(payload),
  };
}

const flow = { flowId: "f", version: 1, definition: { trigger: {}, retry: {} as never } };

describe("decideRouting", () => {
  const flows = {
    match: ({ id }: { id: string }) => {
      if (id === "01") throw new EventTooCostly("match_work", "too much");
      return [flow];
    },
    *wantedOf() {
      yield;
      return { keys: new Map(), maxItems: 1_000 };
    },
    matchedBytes: 0,
  };

  test("dead-letters an event over its budget and routes the rest of the batch", () => {
    const events = ["00", "01", "02"].map((id) => stored(id));
    const decision = finish(decideRouting(events, normalize, flows));
    expect(decision.verdicts.map(({ status }) => status)).toEqual(["routed", "dead", "routed"]);
    expect(decision.deadLetters).toMatchObject([
      {
        eventId: "01",
        stage: "route",
        errorMessage: "too much",
        errorContext: { code: "EVENT_TOO_COSTLY", budget: "match_work" },
        unmatched: false,
      },
    ]);
  });

  test("routes a batch of small events in one slice and a batch of large bodies in several", () => {
    const slicesOf = (events: readonly StoredEvent[]) => {
      let slices = 1;
      for (const _ of decideRouting(events, normalize, flows)) slices += 1;
      return slices;
    };
    const batch = (payload: string) => Array.from({ length: 250 }, (_, at) => stored(`1${at}`, payload));
    expect(slicesOf(batch('{"a":1}'))).toBe(1);
    expect(slicesOf(batch(JSON.stringify("x".repeat(40_000))))).toBeGreaterThan(8);
    expect(slicesOf([stored("1", JSON.stringify("x".repeat(1_000_000)))])).toBeGreaterThan(14);
  });
});
