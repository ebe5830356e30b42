import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { createBodyBudget } from "./body-budget.ts";

test("bounds the total size of request bodies and releases them when the response closes", () => {
  const budget = createBodyBudget(100);
  const [first, second] = [new EventEmitter(), new EventEmitter()] as ServerResponse[];
  const takeFirst = budget.open(first as ServerResponse);
  const takeSecond = budget.open(second as ServerResponse);
  expect([takeFirst(60), takeSecond(60), takeSecond(40), takeFirst(1)]).toEqual([true, false, true, false]);
  first?.emit("close");
  expect([takeFirst(1), takeSecond(60), takeSecond(1)]).toEqual([false, true, false]);
  second?.emit("close");
  expect(budget.open(new EventEmitter() as ServerResponse)(100)).toBe(true);
});
