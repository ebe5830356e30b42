import { expect, test } from "vitest";
import { createShares, type NoShare } from "./shares.ts";

const BOUNDS = { total: 3, perHolder: 2, maxWaitMs: 10_000, maxWaiting: 2 };

/** Takes a slot and records the name once it has it. */
function taking(shares: ReturnType<typeof createShares>, order: string[]) {
  return (name: string) =>
    shares.take(name).then((release) => {
      order.push(name);
      return release;
    });
}

test("a holder gets no more than its share, even while slots are free", async () => {
  const shares = createShares(BOUNDS);
  const order: string[] = [];
  const take = taking(shares, order);
  const first = await take("a");
  await take("a");
  const third = take("a");
  await take("b");
  expect(order).toEqual(["a", "a", "b"]);
  first();
  first();
  await third;
  expect(order).toEqual(["a", "a", "b", "a"]);
});

test("freed slots go to the holders in turn, however many callers of one wait", async () => {
  const shares = createShares({ ...BOUNDS, total: 1 });
  const order: string[] = [];
  const take = taking(shares, order);
  const release = await take("a");
  const others = [take("a"), take("a"), take("b"), take("c")];
  release();
  await Promise.all(others.map(async (other) => (await other)()));
  expect(order).toEqual(["a", "b", "c", "a", "a"]);
});

test("a caller that cannot wait or waits too long is rejected, with whether its own holder has the slots", async () => {
  const shares = createShares({ total: 1, perHolder: 1, maxWaitMs: 20, maxWaiting: 1 });
  const release = await shares.take("a");
  const waiting = [shares.take("a"), shares.take("b")];
  await expect(shares.take("a")).rejects.toMatchObject({ own: true });
  const refused = await Promise.allSettled(waiting);
  expect(refused.map((one) => one.status === "rejected" && (one.reason as NoShare).own)).toEqual([
    true,
    false,
  ]);
  release();
  (await shares.take("b"))();
  await shares.take("a");
});
