import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSlotPool } from "./slot-pool.ts";

describe("a pool of slots", () => {
  test("gives one tenant half, and what n tenants that keep theirs leave is enough for one more", () => {
    const pool = createSlotPool(512);
    expect(pool.take("hog", 10_000)).toBe(256);
    expect(pool.take("hog", 1)).toBe(0);
    const later = Array.from({ length: 8 }, (_, n) => pool.take(`hog-${n}`, 10_000));
    expect(later).toEqual([128, 64, 32, 16, 8, 4, 2, 1]);
    expect(pool.take("new", 1)).toBe(1);
  });

  test("comes to equal shares when tenants that all want more give slots back one by one", () => {
    const pool = createSlotPool(120);
    const tenants = ["a", "b", "c"];
    for (const tenant of tenants) pool.take(tenant, 1_000);
    for (let round = 0; round < 200; round += 1) {
      for (const tenant of tenants) {
        pool.release(tenant, 1);
        for (const other of tenants) pool.take(other, 1);
      }
    }
    for (const tenant of tenants) expect(Math.abs(pool.heldBy(tenant) - 30)).toBeLessThanOrEqual(1);
  });

  test("never lets a tenant hold more than its share while another one waits", () => {
    const size = 64;
    const step = fc.record({
      tenant: fc.constantFrom("a", "b", "c", "d"),
      count: fc.integer({ min: 1, max: 40 }),
      isRelease: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const pool = createSlotPool(size);
        const held = new Map<string, number>();
        const sum = () => [...held.values()].reduce((total, count) => total + count, 0);
        for (const { tenant, count, isRelease } of steps) {
          const before = held.get(tenant) ?? 0;
          if (isRelease) {
            const given = Math.min(before, count);
            pool.release(tenant, given);
            held.set(tenant, before - given);
          } else {
            const free = size - sum();
            const taken = pool.take(tenant, count);
            held.set(tenant, before + taken);
            // It holds at most one more than are free, and who has to wait holds as many as are free.
            if (taken > 0) expect(before + taken).toBeLessThanOrEqual(size - sum() + 1);
            if (taken < count) expect(before + taken).toBeGreaterThanOrEqual(free - taken);
          }
          expect(pool.heldBy(tenant)).toBe(held.get(tenant));
          expect(Math.max(...held.values())).toBeLessThanOrEqual(size / 2);
          expect(sum()).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});
