import { describe, expect, test } from "vitest";
import type { Priority } from "../../domain/priority.ts";
import { shareBatch } from "./budgets.ts";

const room = (...perLane: number[]) =>
  new Map(perLane.map((events, index) => [(index + 1) as Priority, events]));

describe("shareBatch", () => {
  test("shares a batch by weight if every lane has room", () => {
    expect([...shareBatch(room(1_000, 1_000, 1_000, 1_000), 150)]).toEqual([
      [1, 80],
      [2, 40],
      [3, 20],
      [4, 10],
    ]);
  });

  test("gives every lane with room at least one event of a small batch", () => {
    expect([...shareBatch(room(10, 10, 10, 10), 4)].every(([, budget]) => budget >= 1)).toBe(true);
  });

  test("gives the share of a full lane to the others, the highest lane first", () => {
    expect([...shareBatch(room(0, 500, 0, 500), 150)]).toEqual([
      [2, 120],
      [4, 30],
    ]);
    expect(shareBatch(room(10, 500, 0, 0), 150).get(2)).toBe(140);
  });

  test("never gives a lane more events than its room", () => {
    expect(shareBatch(room(3, 0, 0, 0), 150).get(1)).toBe(3);
    expect(shareBatch(room(0, 0, 0, 0), 150).size).toBe(0);
  });
});
