import { expect, test } from "vitest";
import { HeadraceError } from "../../../domain/errors.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";
import { checkItemCount, itemsOf, outerItems } from "./items.ts";

const SCHEME = checkScheme({
  algorithm: "none",
  items: ["/e"],
  nested: [["/n"]],
  type: { from: [{ literal: "t" }] },
});

function inbound(data: unknown) {
  const body = Buffer.from(JSON.stringify(data));
  return new InboundRequest({ method: "POST", url: "/in", rawHeaders: [], body });
}

function refusalOf(data: unknown) {
  try {
    checkItemCount(SCHEME, inbound(data));
    return undefined;
  } catch (error) {
    return error instanceof HeadraceError ? `${error.code}: ${error.message}` : error;
  }
}

test("counts the innermost things of a batch", () => {
  const nested = (lists: number, things: number) => ({
    e: Array.from({ length: lists }, () => ({ n: Array.from({ length: things }, () => 1) })),
  });
  expect(refusalOf(nested(50, 100))).toBeUndefined();
  expect(refusalOf(nested(51, 100))).toBe("payload_too_large: The delivery has more than 5000 items");
  expect(refusalOf({ e: Array.from({ length: 5_001 }, () => 1) })).toMatch(/more than 5000 items/);
});

test("refuses a batch whose things would repeat too much of their items, in a bounded time", () => {
  const things = Array.from({ length: 4_000 }, () => 1);
  expect(refusalOf({ e: [{ n: things, large: "x".repeat(1_000) }] })).toBeUndefined();
  expect(refusalOf({ e: [{ n: things, large: "x".repeat(3_000) }] })).toMatch(
    /^payload_too_large: .*8388608 bytes/,
  );
  const members = Object.fromEntries(things.map((_, index) => [`m${index}`, index]));
  expect(refusalOf({ e: [{ n: things, ...members }] })).toMatch(/^payload_too_large/);
});

test("returns the same items for schemes of the same shape, so that their texts are kept", () => {
  const request = inbound({ e: [{ n: [1, 2] }], beside: 1 });
  const items = itemsOf(SCHEME, request);
  expect(itemsOf(checkScheme({ ...SCHEME }), request)).toBe(items);
  expect(itemsOf({ ...SCHEME, beside: [] }, request)).not.toEqual(items);
  expect(outerItems(SCHEME, request)).toEqual([{ n: [1, 2] }]);
});
