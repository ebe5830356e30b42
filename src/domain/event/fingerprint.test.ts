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
    { responseStatus: 500 },
  ];
  for (const other of others) expect(fingerprintOf({ ...FAILURE, ...other })).not.toBe(print);
});

test.each(["UNMATCHED", "EVENT_TOO_COSTLY", "HANDLER_STUCK", "WORKER_LOST"])(
  "failures with the code %s have one fingerprint, however they are worded",
  (code) => {
    const print = fingerprintOf({ ...FAILURE, code });
    expect(fingerprintOf({ ...FAILURE, code, message: "It took too long" })).toBe(print);
  },
);

test("responses with one status have one fingerprint, other statuses another", () => {
  const answered = (responseStatus: number, message: string) =>
    fingerprintOf({ ...FAILURE, code: "HTTP_STATUS", responseStatus, message });
  expect(answered(500, "The target answered 500: sorry, Jane")).toBe(
    answered(500, "The target answered 500: hm"),
  );
  expect(answered(500, "The target answered 500")).not.toBe(answered(404, "The target answered 404"));
});
