import { describe, expect, test } from "vitest";
import type { Priority } from "../../domain/priority.ts";
import { createHighWater, type LaneDepth } from "./high-water.ts";

const bounds = { drainMs: 500, minEvents: 100, maxEvents: 5_000 };

function depths(lane: LaneDepth): Map<Priority, LaneDepth> {
  return new Map([[2, lane]]);
}

describe("createHighWater", () => {
  test("gives an unmeasured lane the minimum", () => {
    expect(createHighWater(bounds).room(new Map(), 0).get(2)).toBe(100);
  });

  test("gives a lane the events of half a second of its drain", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 0, added: 0, inStream: 0 }), 0);
    // 2,000 per second drain, so 1,000 may wait; 300 do.
    const room = highWater.room(depths({ waiting: 300, added: 2_300, inStream: 300 }), 1_000);
    expect(room.get(2)).toBe(700);
  });

  test("gives no room to a lane whose consumers are stuck", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 100, added: 100, inStream: 100 }), 0);
    expect(highWater.room(depths({ waiting: 100, added: 100, inStream: 100 }), 1_000).get(2)).toBe(0);
  });

  test("gives a lane at most the maximum", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 0, added: 0, inStream: 0 }), 0);
    expect(highWater.room(depths({ waiting: 0, added: 1_000_000, inStream: 0 }), 1_000).get(2)).toBe(5_000);
  });

  test("starts a new measurement when Redis lost the stream", () => {
    const highWater = createHighWater(bounds);
    highWater.room(depths({ waiting: 50, added: 9_000, inStream: 50 }), 0);
    expect(highWater.room(depths({ waiting: 10, added: 10, inStream: 10 }), 1_000).get(2)).toBe(90);
  });
});
