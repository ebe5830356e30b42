import { expect, test } from "vitest";
import { ordersAt } from "./demo-orders.ts";

test("changes one demo order at a time, in turn, with the time of the change", () => {
  const from = Date.UTC(2026, 10, 26);
  const changed = Array.from({ length: 24 }, (_, step) => {
    const [before, after] = [ordersAt(from + step * 20_000), ordersAt(from + (step + 1) * 20_000)];
    const different = after.filter((order, index) => order["status"] !== before[index]?.["status"]);
    expect(different.map((order) => order["updated_at"])).toEqual([
      new Date(from + (step + 1) * 20_000).toISOString(),
    ]);
    return different[0]?.["id"];
  });
  expect(new Set(changed.slice(0, 12)).size).toBe(12);
  expect(changed.slice(12)).toEqual(changed.slice(0, 12));
});
