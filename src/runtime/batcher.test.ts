import { describe, expect, test } from "vitest";
import { Batcher } from "./batcher.ts";

function batcherOf(over: Partial<ConstructorParameters<typeof Batcher<number, number>>[1]> = {}) {
  const batches: number[][] = [];
  const release: (() => void)[] = [];
  const batcher = new Batcher<number, number>(
    async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => release.push(resolve));
      if (items.includes(-1)) throw new Error("bad batch");
      return items.map((item) => item * 10);
    },
    { maxItems: 3, inFlight: 1, maxWaiting: 100, full: () => new Error("full"), ...over },
  );
  return { batcher, batches, release };
}

const turn = () => new Promise(setImmediate);

describe("Batcher", () => {
  test("batches the items that arrived while the previous batch was under way", async () => {
    const { batcher, batches, release } = batcherOf();
    const first = batcher.add(1);
    await turn();
    const rest = [2, 3, 4, 5].map((item) => batcher.add(item));
    release[0]?.();
    expect(await first).toBe(10);
    await turn();
    release[1]?.();
    await turn();
    release[2]?.();
    expect(await Promise.all(rest)).toEqual([20, 30, 40, 50]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  test("sends the next batch before the callers of the previous one continue", async () => {
    const { batcher, batches, release } = batcherOf();
    const sentBy = batcher.add(1).then(() => batches.length);
    await turn();
    void batcher.add(2);
    release[0]?.();
    expect(await sentBy).toBe(2);
    release[1]?.();
  });

  test("evens out batch sizes when the callers come back for more", async () => {
    const { batcher, batches, release } = batcherOf({ maxItems: 100, evenAbove: 2 });
    const callers = Array.from({ length: 10 }, async (_, caller) => {
      for (let round = 0; round < 6; round += 1) await batcher.add(caller);
    });
    for (let batch = 0; batch < 12; batch += 1) {
      await turn();
      release[batch]?.();
    }
    await Promise.all(callers);
    expect(batches.map((batch) => batch.length)).toEqual(Array(12).fill(5));
  });

  test("keeps a batch within its weight and sends a heavier item alone", async () => {
    const { batcher, batches, release } = batcherOf({ maxItems: 10, maxWeight: 10, weigh: (item) => item });
    const all = [4, 4, 4, 50].map((item) => batcher.add(item));
    for (let batch = 0; batch < 3; batch += 1) {
      await turn();
      release[batch]?.();
      await turn();
    }
    await Promise.all(all);
    expect(batches).toEqual([[4, 4], [4], [50]]);
  });

  test("rejects only the items of the batch that failed", async () => {
    const { batcher, release } = batcherOf({ maxItems: 1 });
    const bad = batcher.add(-1).catch((error: Error) => error.message);
    const good = batcher.add(2);
    await turn();
    release[0]?.();
    expect(await bad).toBe("bad batch");
    await turn();
    release[1]?.();
    expect(await good).toBe(20);
  });

  test("rejects only the item whose result is an error", async () => {
    const batcher = new Batcher<number, number>(
      async (items) => items.map((item) => (item < 0 ? new Error("bad item") : item)),
      { maxItems: 3, inFlight: 1, maxWaiting: 100, full: () => new Error("full") },
    );
    const results = await Promise.allSettled([batcher.add(1), batcher.add(-1), batcher.add(2)]);
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : "bad"))).toEqual([
      1,
      "bad",
      2,
    ]);
  });

  test("rejects an item when too many are waiting for a batch", async () => {
    const { batcher } = batcherOf({ maxWaiting: 1 });
    void batcher.add(1);
    await expect(batcher.add(2)).rejects.toThrow("full");
  });

  test("withdraws an item only while no batch has it", async () => {
    const { batcher, batches, release } = batcherOf();
    void batcher.add(1);
    await turn();
    void batcher.add(2);
    const third = batcher.add(3);
    expect(batcher.withdraw(2)).toBe(true);
    expect(batcher.withdraw(1)).toBe(false);
    release[0]?.();
    await turn();
    release[1]?.();
    expect(await third).toBe(30);
    expect(batches).toEqual([[1], [3]]);
  });

  test("reports how long the first waiting item has waited", async () => {
    let nowMs = 1_000;
    const { batcher, release } = batcherOf({ maxItems: 1, now: () => nowMs });
    const first = batcher.add(1);
    await turn();
    expect(batcher.waitedMs).toBe(0);
    const second = batcher.add(2);
    nowMs += 70;
    const third = batcher.add(3);
    nowMs += 5;
    expect(batcher.waitedMs).toBe(75);
    release[0]?.();
    await first;
    await turn();
    expect(batcher.waitedMs).toBe(5);
    release[1]?.();
    await second;
    await turn();
    release[2]?.();
    await third;
    expect(batcher.waitedMs).toBe(0);
  });
});
