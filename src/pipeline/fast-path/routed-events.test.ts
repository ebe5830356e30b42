import { describe, expect, test } from "vitest";
import type { StoredEvent } from "../../postgres/events/events.ts";
import type { RoutedEvent } from "./fast-path.ts";
import { createRoutedEvents } from "./routed-events.ts";

function routed(id: string): RoutedEvent {
  return { stored: { id, payload: Buffer.from("{}") } as StoredEvent, normalized: undefined };
}

function routedEvents(over: { maxBytes?: number; keptMs?: number } = {}) {
  const clock = { ms: 0 };
  const events = createRoutedEvents({ maxBytes: 1_000_000, keptMs: 1_000, ...over }, () => clock.ms);
  return { events, clock };
}

describe("createRoutedEvents", () => {
  test("returns a routed event once", () => {
    const { events } = routedEvents();
    const [a, b] = [routed("a"), routed("b")];
    events.put([a, b]);
    const [taken] = events.take(["b", "c"]);
    expect(taken).toBe(b);
    expect(events.take(["b"])).toEqual([]);
    expect(events.take(["a"])).toEqual([a]);
  });

  test("does not return a routed event after its time", () => {
    const { events, clock } = routedEvents({ keptMs: 1_000 });
    events.put([routed("a")]);
    clock.ms = 1_000;
    expect(events.take(["a"])).toEqual([]);
  });

  test("drops the oldest routed events beyond its size", () => {
    const { events } = routedEvents({ maxBytes: 5_000 });
    const [a, b, c] = [routed("a"), routed("b"), routed("c")];
    for (const event of [a, b, c]) events.put([event]);
    expect(events.take(["a", "b", "c"])).toEqual([b, c]);
  });
});
