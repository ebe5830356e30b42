import { expect, test } from "vitest";
import { createShares, type NoShare } from "./shares.ts";

const BOUNDS = { total: 3, perHolder: 2, maxWaitMs: 10_000, maxWaiting: 2 };

/** Takes a slot and notes the name when it has it. */
function taking(shares: ReturnType<typeof createShares>, order: string[]) {
  return (name: string) =>
    shares.take(name).then((release) => {
      order.push(name);
      return release;
    });
}

test("a holder has no more slots than its share while others are free, and a freed one goes to it", async () => {
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

test("a freed slot goes to the holders in turn, however many callers of one wait", async () => {
  const shares = createShares({ ...BOUNDS, total: 1 });
  const order: string[] = [];
  const take = taking(shares, order);
  const held = await take("a");
  const others = [take("a"), take("a"), take("b"), take("c")];
  held();
  await Promise.all(others.map(async (other) => (await other)()));
  expect(order).toEqual(["a", "b", "c", "a", "a"]);
});

test("a caller beyond the bound on waiting ones, or that waits too long, is refused and told whose slots they are", async () => {
  const shares = createShares({ total: 1, perHolder: 1, maxWaitMs: 20, maxWaiting: 1 });
  const held = await shares.take("a");
  const waiting = [shares.take("a"), shares.take("b")];
  await expect(shares.take("a")).rejects.toMatchObject({ own: true });
  const refused = await Promise.allSettled(waiting);
  expect(refused.map((one) => one.status === "rejected" && (one.reason as NoShare).own)).toEqual([
    true,
    false,
  ]);
  held();
  (await shares.take("b"))();
  await shares.take("a");
});
