import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSlotPool } from "./slot-pool.ts";

describe("createSlotPool", () => {
  test("gives one tenant half of the slots, and leaves slots for each further tenant", () => {
    const pool = createSlotPool(512);
    expect(pool.take("hog", 10_000)).toBe(256);
    expect(pool.take("hog", 1)).toBe(0);
    const later = Array.from({ length: 8 }, (_, n) => pool.take(`hog-${n}`, 10_000));
    expect(later).toEqual([128, 64, 32, 16, 8, 4, 2, 1]);
    expect(pool.take("new", 1)).toBe(1);
  });

  test("converges to equal shares of slots when busy tenants release slots one by one", () => {
    const pool = createSlotPool(120);
    const tenants = ["a", "b", "c"];
    for (const tenant of tenants) pool.take(tenant, 1_000);
    for (let round = 0; round < 200; round += 1) {
      for (const tenant of tenants) {
        pool.release(tenant, 1);
        for (const other of tenants) pool.take(other, 1);
      }
    }
    for (const tenant of tenants) expect(Math.abs(pool.takenBy(tenant) - 30)).toBeLessThanOrEqual(1);
  });

  test("never gives a tenant more slots than its share while another tenant waits", () => {
    const size = 64;
    const step = fc.record({
      tenant: fc.constantFrom("a", "b", "c", "d"),
      count: fc.integer({ min: 1, max: 40 }),
      isRelease: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pool = createSlotPool(size);
        const taken = new Map<string, number>();
        const sum = () => [...taken.values()].reduce((total, count) => total + count, 0);
        for (const { tenant, count, isRelease } of steps) {
          const before = taken.get(tenant) ?? 0;
          if (isRelease) {
            const given = Math.min(before, count);
            pool.release(tenant, given);
            taken.set(tenant, before - given);
          } else {
            const free = size - sum();
            const got = pool.take(tenant, count);
            taken.set(tenant, before + got);
            // A tenant uses at most one slot more than are free; one that has to wait uses as many as are free.
            if (got > 0) expect(before + got).toBeLessThanOrEqual(size - sum() + 1);
            if (got < count) expect(before + got).toBeGreaterThanOrEqual(free - got);
          }
          expect(pool.takenBy(tenant)).toBe(taken.get(tenant));
          expect(Math.max(...taken.values())).toBeLessThanOrEqual(size / 2);
          expect(sum()).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});
