import { expect, test } from "vitest";
import { fingerprintOf } from "./fingerprint.ts";

const FAILURE = {
  stage: "execute" as const,
  tenantId: "acme",
  flowId: "f",
  code: "X",
  message: "Order 17 is gone",
};

test("fingerprintOf is equal for failures with one cause only", () => {
  const print = fingerprintOf(FAILURE);
  expect(print).toMatch(/^[0-9a-f]{32}$/);
  expect(fingerprintOf({ ...FAILURE, message: "Order 9342 is gone" })).toBe(print);
  const others = [
    { message: "Order 17 is late" },
    { stage: "route" as const },
    { tenantId: "other" },
    { flowId: "g" },
    { flowId: undefined },
    { code: "Y" },
  ];
  for (const other of others) expect(fingerprintOf({ ...FAILURE, ...other })).not.toBe(print);
});
