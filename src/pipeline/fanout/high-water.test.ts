import { describe, expect, test } from "vitest";
import type { Priority } from "../../domain/priority.ts";
import { createHighWater, type LaneDepth } from "./high-water.ts";

const bounds = { drainMs: 500, minEvents: 100, maxEvents: 5_000 };

function depths(lane: LaneDepth): Map<Priority, LaneDepth> {
  return new Map([[2, lane]]);
}

describe("createHighWater", () => {
  test("lets a lane that was never seen have the minimum", () => {
    expect(createHighWater(bounds).room(new Map(), 0).get(2)).toBe(100);
  });

  test("lets in half a second of what drains", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 0, added: 0, inStream: 0 }), 0);
    // 2,000 a second were drained, so 1,000 may wait, of which 300 do.
    const room = highWater.room(depths({ waiting: 300, added: 2_300, inStream: 300 }), 1_000);
    expect(room.get(2)).toBe(700);
  });

  test("stops a lane whose consumers stand still", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 100, added: 100, inStream: 100 }), 0);
    expect(highWater.room(depths({ waiting: 100, added: 100, inStream: 100 }), 1_000).get(2)).toBe(0);
  });

  test("never lets more wait than the maximum", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 0, added: 0, inStream: 0 }), 0);
    expect(highWater.room(depths({ waiting: 0, added: 1_000_000, inStream: 0 }), 1_000).get(2)).toBe(5_000);
  });

  test("measures anew when Redis lost the stream", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 50, added: 9_000, inStream: 50 }), 0);
    expect(highWater.room(depths({ waiting: 10, added: 10, inStream: 10 }), 1_000).get(2)).toBe(90);
  });
});
