import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf, idempotencyKey } from "./idempotency-key.ts";

const event = { tenantId: "acme", connector: "shop", endpoint: "default", deliveryKey: "id:1", item: 0 };

describe("idempotencyKey", () => {
  test("returns the same key of 64 hex digits for the same event", () => {
    expect(idempotencyKey(event)).toMatch(/^[0-9a-f]{64}$/);
    expect(idempotencyKey({ ...event })).toBe(idempotencyKey(event));
  });

  test.each(["tenantId", "connector", "endpoint", "deliveryKey"] as const)(
    "returns another idempotency key for another %s",
    (field) => {
      expect(idempotencyKey({ ...event, [field]: "other" })).not.toBe(idempotencyKey(event));
    },
  );

  test("returns another idempotency key for another item of a delivery", () => {
    expect(idempotencyKey({ ...event, item: 1 })).not.toBe(idempotencyKey(event));
  });
});

describe("digestOf", () => {
  test("returns different digests for lists of parts with the same concatenation", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right);
        expect(digestOf(...left) === digestOf(...right)).toBe(same);
      }),
    );
    expect(digestOf("ab", "c")).not.toBe(digestOf("a", "bc"));
  });
});
