import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SeenDelivery } from "../../redis/seen.ts";
import { createSeenMarks } from "./seen-marks.ts";

const marks = (...digests: string[]) => digests.map((digest) => ({ digest, eventId: `of ${digest}` }));

describe("createSeenMarks", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function gathering() {
    const sent: SeenDelivery[][] = [];
    return { sent, add: createSeenMarks((seen) => sent.push([...seen]), { delayMs: 25, batchSize: 3 }) };
  }

  test("sends marks of seen deliveries together after the delay", () => {
    const { sent, add } = gathering();
    add(marks("a"));
    add([]);
    vi.advanceTimersByTime(24);
    add(marks("b"));
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([marks("a", "b")]);
    vi.advanceTimersByTime(1_000);
    expect(sent).toHaveLength(1);
  });

  test("sends marks of seen deliveries at once when they fill a command", () => {
    const { sent, add } = gathering();
    add(marks("a", "b", "c", "d"));
    expect(sent).toEqual([marks("a", "b", "c")]);
    vi.advanceTimersByTime(25);
    expect(sent).toEqual([marks("a", "b", "c"), marks("d")]);
  });
});
